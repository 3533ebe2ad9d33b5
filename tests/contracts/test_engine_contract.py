"""The port `gate.ports.Engine`: DuckDB, and a second database, so that one more engine is one file."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.gate.columns import Kind
from ml_cicd.gate.engines import duckdb
from ml_cicd.gate.evidence import Evidence, EvidenceRequest, evaluate
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.ports import Engine
from ml_cicd.gate.settings import Columns
from ml_cicd.gate.statistics import ErrorsNeed
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.finding import Scope, Subject
from tests.fakes import sqlite_engine

Connect = Callable[[], AbstractContextManager[Engine]]
ENGINES: dict[str, Connect] = {"duckdb": duckdb.connect, "sqlite": sqlite_engine.connect}
NUMBERS = (ErrorsNeed(),)  # what predicted numbers ask for, and no table of classes has
WANTED = frozenset(
    {Subject(metric=name) for name, metric in CATALOGUE.items() if metric.needs(0.95) != NUMBERS}
    | {Subject(metric="accuracy", scope=Scope.CHANGE)}
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read relative paths from an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=list(ENGINES.values()), ids=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Connect."""
    connect: Connect = request.param
    with connect() as connected:
        yield connected


def test_a_view_has_columns_with_kinds(engine: Engine) -> None:
    """Each column of a CSV is text, for what it means is not the engine's to guess; the rows are counted."""
    Path("p.csv").write_text('label,"the ""score""",name\n1,0.5,cat\n0,0.25,dog\n')
    opened = engine.open_view("p.csv", "candidate")
    assert {name: column.kind for name, column in opened.columns.items()} == {
        "label": Kind.TEXT,
        'the "score"': Kind.TEXT,
        "name": Kind.TEXT,
    }
    assert opened.rows == 2
    assert engine.query("SELECT label, name FROM candidate ORDER BY label", "p.csv") == [("0", "dog"), ("1", "cat")]


def test_two_views_are_in_one_database(engine: Engine) -> None:
    """So that they can be joined."""
    Path("p.csv").write_text("label\n1\n2\n")
    Path("c.csv").write_text("label\n2\n3\n")
    engine.open_view("p.csv", "candidate")
    engine.open_view("c.csv", "champion")
    assert engine.query("SELECT a.label FROM candidate a JOIN champion b ON a.label = b.label", "p.csv") == [("2",)]


def test_a_digest_is_of_the_bytes(engine: Engine) -> None:
    """Not of what they mean."""
    Path("p.csv").write_bytes(b"label\n1\n")
    assert engine.digest("p.csv") == f"sha256:{hashlib.sha256(b'label' + bytes([10]) + b'1' + bytes([10])).hexdigest()}"


@pytest.mark.parametrize("path", ["none.csv", "folder.csv"])
def test_a_digest_of_no_file_is_unusable_evidence(engine: Engine, path: str) -> None:
    """What was there a moment ago may be gone: an error like any other, and the message names it."""
    Path("folder.csv").mkdir()
    with pytest.raises(EvidenceError, match=path):
        engine.digest(path)


@pytest.mark.parametrize("content", [None, b"\x00\xff\xfe\x00 no text \x00"])
def test_what_cannot_be_opened_is_unusable_evidence(engine: Engine, content: bytes | None) -> None:
    """An absent file and a broken one; the message names it."""
    if content is not None:
        Path("p.csv").write_bytes(content)
    with pytest.raises(EvidenceError, match=r"p\.csv"):
        engine.open_view("p.csv", "candidate")


def test_a_statement_that_fails_names_the_table(engine: Engine) -> None:
    """No foreign exception leaves the door."""
    Path("p.csv").write_text("label\n1\n")
    engine.open_view("p.csv", "candidate")
    with pytest.raises(EvidenceError, match=r"p\.csv"):
        engine.query("SELECT absent FROM candidate", "p.csv")


def write(path: str, rows: list[tuple[object, ...]], *, keyed: bool) -> None:
    """Write a prediction table."""
    header = "label,prediction,latency_ms" + (",key" if keyed else "")
    Path(path).write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")


def evidence(connect: Connect) -> Evidence:
    """Measure all that there is."""
    request = EvidenceRequest(predictions="p.csv", champion="c.csv", columns=Columns(), wanted=WANTED, confidence=0.95)
    return evaluate(request, connect=lambda _: connect(), read_metrics=lambda _: b"")


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("classes", [(0, 1), ("cat", "dog", "emu"), (0.0, 1.0, 2.0), ("true-ish", "false-ish")])
def test_engines_agree_on_every_number(classes: tuple[object, ...], *, keyed: bool) -> None:
    """The same tables give the same samples and digests, whoever counts: no verdict depends on the engine."""
    rng = random.Random(5)
    rows = [(rng.choice(classes), rng.choice(classes), rng.randint(1, 500) / 8, i) for i in range(400)]
    champion = [(label, rng.choice(classes), 1.5, i) for label, _, _, i in rows]
    if keyed:
        rng.shuffle(champion)
    write("p.csv", [row if keyed else row[:3] for row in rows], keyed=keyed)
    write("c.csv", [row if keyed else row[:3] for row in champion], keyed=keyed)
    found = {name: replace(evidence(connect), notes=()) for name, connect in ENGINES.items()}
    assert set(found["duckdb"].samples) == WANTED
    assert found["sqlite"] == found["duckdb"]


BAD = {
    "null": "label,prediction,latency_ms\n1,1,5\n,0,5\n",
    "nan as text": "label,prediction,latency_ms\ncat,cat,5\nnan,nan,5\n",
    "kinds": "label,prediction,latency_ms\ncat,1,5\ndog,0,5\n",
    "score": "label,prediction,latency_ms\n1,0.51,5\n0,0.2,5\n",
    "no column": "label,guess,latency_ms\n1,1,5\n",
    "negative": "label,prediction,latency_ms\n1,1,-5\n0,0,5\n",
    "late text": "label,prediction,latency_ms\n1,1,fast\n0,0,5\n",
    "no rows": "label,prediction,latency_ms\n",
    "other rows": "label,prediction,latency_ms\n1,1,5\n1,1,5\n1,1,5\n",
    "identifier": "label,prediction,latency_ms\n" + "".join(f"{i},{i},5\n" for i in range(1001)),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_engines_refuse_alike(content: str) -> None:
    """With the same words, but for the engine's own names of types in them."""
    Path("p.csv").write_text(content)
    Path("c.csv").write_text("label,prediction,latency_ms\n1,1,5\n0,1,6\n")
    problems = []
    for connect in ENGINES.values():
        with pytest.raises(EvidenceError) as problem:
            evidence(connect)
        problems.append((problem.value.what, problem.value.cure))
    assert problems[0] == problems[1]
