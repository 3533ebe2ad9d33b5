"""Prediction tables: what they may hold, and what is refused."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from ml_cicd.gate.evidence import Evidence, EvidenceRequest
from ml_cicd.gate.samples import Average, FScore, Paired, Proportion
from ml_cicd.gate.settings import Columns
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.finding import Scope, Subject
from tests.gate.measuring import measured

ACCURACY = Subject(metric="accuracy")
CHANGE = Subject(metric="accuracy", scope=Scope.CHANGE)
F1 = Subject(metric="f1_score")
GOOD = "label,prediction\n1,1\n0,0\n1,0\n0,0\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read relative paths from an empty folder."""
    monkeypatch.chdir(tmp_path)


def measure(
    text: str | bytes,
    *wanted: Subject,
    name: str = "p.csv",
    champion: str | None = None,
    columns: Columns = Columns(),
) -> Evidence:
    """Write the tables and measure them."""
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    if champion is not None:
        Path("c.csv").write_text(champion)
    return measured(
        EvidenceRequest(
            predictions=name,
            champion="" if champion is None else "c.csv",
            columns=columns,
            wanted=frozenset(wanted or (ACCURACY,)),
            confidence=0.95,
        )
    )


def accuracy(evidence: Evidence) -> object:
    """Return the one sample."""
    return evidence.samples[ACCURACY]


def test_every_kind_of_file_gives_the_same() -> None:
    """CSV, JSON lines and parquet hold the same rows, so they have the same counts."""
    expected = Proportion(successes=3, n=4)
    assert accuracy(measure(GOOD)) == expected
    lines = [json.dumps({"label": a, "prediction": b}) for a, b in ((1, 1), (0, 0), (1, 0), (0, 0))]
    assert accuracy(measure("\n".join(lines), name="p.jsonl")) == expected
    Path("x.csv").write_text(GOOD)
    with duckdb.connect() as connection:
        connection.execute("COPY (SELECT * FROM 'x.csv') TO 'x.parquet'")
    assert accuracy(measure(Path("x.parquet").read_bytes(), name="p.parquet")) == expected


def test_the_order_of_rows_changes_nothing() -> None:
    """Counts do not depend on order, so neither does the verdict."""
    rows = [f"{i % 2},{(i * 7) % 2},{i % 13},{i}" for i in range(200)]
    header = "label,prediction,latency_ms,key\n"
    names = [Subject(metric=name) for name in ("accuracy", "f1_score", "latency_p95_ms")]
    first = measure(header + "\n".join(rows), *names)
    random.Random(1).shuffle(rows)
    assert measure(header + "\n".join(rows), *names).samples == first.samples


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("0", "1"), FScore),
        (("false", "true"), FScore),
        (("-1", "1"), FScore),
        (("0.0", "1.0"), FScore),
        (("cat", "dog"), Average),
        (("1", "2"), Average),
        (("ham", "spam"), Average),
    ],
)
def test_the_positive_class_is_never_guessed(labels: tuple[str, str], kind: type) -> None:
    """Only true, and 1 beside 0 or -1, is the positive class; any other pair of labels is averaged over both."""
    rows = [f"{labels[i % 2]},{labels[i % 3 % 2]}" for i in range(60)]
    assert isinstance(measure("label,prediction\n" + "\n".join(rows), F1).samples[F1], kind)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("label,predicted\n1,1\n", "no column 'prediction'"),
        ("label,prediction\n1,1\n,0\n", "1 of 2 values in 'label' are null"),
        ("label,prediction\n1.0,1.0\n0.0,nan\n", "null or stand for nothing: 'nan'"),
        ("label,prediction\n", "has no rows"),
        ("", "p.csv"),
        (
            "label,prediction\ncat,1\ndog,0\n",
            "no class stands in both columns: 'label' holds 'cat' and 'dog', 'prediction' holds",
        ),
        ("label,prediction\n" + "\n".join(f"{i},{i}" for i in range(1001)), "looks like an identifier"),
        ("label,prediction\n1,0.51\n", "'prediction' holds 0.51, which is no class"),
        ("label,prediction\n" + "1,1\n" * 30_000 + "1,0.51\n", "'prediction' holds 0.51"),
        ("label,prediction\ncat,cat\nnan,nan\n", "1 of 2 values in 'label' are null"),
        (b"\x00\xff\xfe\x00 not a table \x00", "p.csv"),
    ],
    ids=[
        "column",
        "null",
        "nan",
        "no rows",
        "empty",
        "kinds",
        "identifier",
        "score",
        "late score",
        "nan as text",
        "binary",
    ],
)
def test_a_bad_table_is_refused(text: str | bytes, says: str) -> None:
    """The message names the file and what is wrong; no row is ever dropped."""
    with pytest.raises(EvidenceError, match=r"p\.csv") as problem:
        measure(text)
    assert says in str(problem.value)
    assert problem.value.cure


def test_a_missing_column_suggests_the_nearest() -> None:
    """`predicton` is one letter away."""
    with pytest.raises(EvidenceError) as problem:
        measure("label,predicton\n1,1\n")
    assert "'predicton'" in problem.value.cure
    assert "evidence.columns" in problem.value.cure


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("p.parquet", "cannot be read as parquet"),
        ("p.jsonl", "cannot be read as json"),
        ("p.pkl", "unknown kind of table '.pkl'"),
    ],
)
def test_a_file_that_is_something_else(name: str, says: str) -> None:
    """A name that lies, or one that says nothing."""
    with pytest.raises(EvidenceError, match=says):
        measure("PAR1 not really", name=name)


@pytest.mark.parametrize("name", ["absent.csv", "absent*.csv", "empty", "absent"])
def test_a_path_that_names_nothing_is_refused(name: str) -> None:
    """No file, a pattern that matches none, a folder without any: never zero rows in silence."""
    Path("empty").mkdir()
    request = EvidenceRequest(predictions=name, columns=Columns(), wanted=frozenset({ACCURACY}), confidence=0.95)
    with pytest.raises(EvidenceError):
        measured(request)


def test_configured_columns_are_read() -> None:
    """The configuration names the columns; quotes in a name are harmless."""
    columns = Columns(label='the "truth"', prediction="guess")
    assert accuracy(measure('"the ""truth""",guess\n1,1\n0,1\n', columns=columns)) == Proportion(successes=1, n=2)


@pytest.mark.parametrize("keys", [range(50), range(50, 0, -1), [f"k{i}" for i in range(50)], [*range(49), "x"]])
def test_keys_may_be_in_any_order(keys: Sequence[object]) -> None:
    """Going up, which one pass sees, or not; numbers or texts. One that stands twice is found wherever it stands."""
    rows = [f"{key},1,1" for key in keys]
    header = "key,label,prediction\n"
    assert accuracy(measure(header + "\n".join(rows))) == Proportion(successes=50, n=50)
    for place in (0, 1, 30, 50):
        with pytest.raises(EvidenceError, match="50 different values in 51 rows"):
            measure(header + "\n".join([*rows[:place], rows[29], *rows[place:]]))


def test_latency_needs_its_column() -> None:
    """Without the column the metric is absent, with the reason; never zero."""
    latency = Subject(metric="latency_p99_ms")
    found = measure(GOOD, latency)
    assert found.samples == {}
    assert found.absent == {latency: "p.csv has no column 'latency_ms'"}


@pytest.mark.parametrize("value", ["-1", "nan", "", "fast"])
def test_latency_must_be_milliseconds(value: str) -> None:
    """A clock that ran backwards, or none at all."""
    with pytest.raises(EvidenceError, match="latency_ms"):
        measure(f"label,prediction,latency_ms\n1,1,5\n0,0,{value}\n", Subject(metric="latency_p50_ms"))


def test_pairs_match_by_key_or_by_order() -> None:
    """With a key in both tables the order is free; without one it is the match."""
    keyed = "key,label,prediction\n1,1,1\n2,0,1\n3,1,1\n"
    other = "key,label,prediction\n3,1,0\n1,1,1\n2,0,0\n"
    expected = Paired(only_candidate=1, only_champion=1, n=3)
    assert measure(keyed, CHANGE, champion=other).samples[CHANGE] == expected
    ordered = measure("label,prediction\n1,1\n0,1\n", CHANGE, champion="label,prediction\n1,0\n0,1\n")
    assert ordered.samples[CHANGE] == Paired(only_candidate=1, only_champion=0, n=2)


@pytest.mark.parametrize(
    ("candidate", "champion", "says"),
    [
        ("label,prediction\n1,1\n", GOOD, "1 and 4 rows"),
        ("label,prediction\n1,1\n0,0\n", "label,prediction\n0,0\n0,0\n", "1 rows have different labels"),
        ("key,label,prediction\n1,1,1\n", "key,label,prediction\n2,1,1\n", "1 keys of the first are not in the second"),
        ("key,label,prediction\n1,1,1\n1,1,1\n", "key,label,prediction\n1,1,1\n2,1,1\n", "different values in 2 rows"),
        ("key,label,prediction\n1,1,1\n", "label,prediction\n1,1\n", "only one of them has the column 'key'"),
        ("key,label,prediction\na,1,1\n", "key,label,prediction\n1,1,1\n", "1 keys of the first are not in the second"),
        ("label,prediction\ncat,cat\n", "label,prediction\n1,1\n", "'label' holds 'cat' in one, '1' in the other"),
        ("key,label,prediction\n1,1,1\n,1,1\n", "key,label,prediction\n1,1,1\n2,1,1\n", "'key' are null"),
    ],
    ids=["rows", "labels", "keys", "twice", "one key", "key types", "label types", "null"],
)
def test_unpaired_tables_are_refused(candidate: str, champion: str, says: str) -> None:
    """A comparison on other rows would compare the data, not the models."""
    with pytest.raises(EvidenceError, match=says):
        measure(candidate, CHANGE, champion=champion)


PARQUET = {
    "decimals of two scales": ("1.0::DECIMAL(4,1)", "1::DECIMAL(9,3)"),
    "float and integer": ("1.0::FLOAT", "1::UTINYINT"),
    "large": ("9223372036854775807::BIGINT", "9223372036854775807::UBIGINT"),
    "enum": ("'a'::ENUM('a', 'b')", "'a'"),
}
REFUSED = {
    "timestamps": "make_timestamp(i)",
    "lists": "['nan'::DOUBLE]",
    "structs": "{'a': i}",
    "blobs": "'x'::BLOB",
    "uuids": "uuid()",
}


def parquet(label: str, prediction: str) -> bytes:
    """Write 400 rows of two SQL expressions over the row number i."""
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT {label} AS label, {prediction} AS prediction FROM range(400) t(i)")
        rows.write_parquet("made.parquet")
    return Path("made.parquet").read_bytes()


@pytest.mark.parametrize("kinds", PARQUET.values(), ids=PARQUET)
def test_equal_classes_of_different_types_are_equal(kinds: tuple[str, str]) -> None:
    """1.0 and 1 are one class, whatever the evaluation wrote them as."""
    found = measure(parquet(*kinds), name="p.parquet")
    assert accuracy(found) == Proportion(successes=400, n=400)


def test_decimals_are_counted_as_what_they_are() -> None:
    """0.0 and 1.0 in a decimal column are the two classes 0 and 1."""
    text = parquet("(i % 2)::DECIMAL(4,1)", "(i % 3 % 2)::DECIMAL(4,1)")
    assert isinstance(measure(text, F1, name="p.parquet").samples[F1], FScore)


@pytest.mark.parametrize("kind", REFUSED.values(), ids=REFUSED)
def test_values_that_are_no_class_are_refused(kind: str) -> None:
    """Dates collapse, lists hide NaN: none of them is compared."""
    with pytest.raises(EvidenceError, match="is of type"):
        measure(parquet(kind, kind), name="p.parquet")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("ham,ham\n" * 50, "all rows are of one class, 'ham'"),
        ("ham,ham\n" * 50 + "spam,spam\n" * 2, "class 'spam' has 2 rows"),
        ("ham,ham\n" * 50 + "spam,spam\n" * 5, ""),
    ],
)
def test_an_average_needs_rows_of_each_class(rows: str, says: str) -> None:
    """A class that was seen twice says nothing about its recall."""
    sample = measure("label,prediction\n" + rows, F1).samples[F1]
    assert isinstance(sample, Average)
    assert sample.sparse.startswith(says)
    assert bool(sample.sparse) is bool(says)


def test_only_what_is_wanted_is_read() -> None:
    """The champion's table is opened for a comparison alone, and each file that was read has its digest."""
    Path("c.csv").write_text(GOOD)
    alone = measure(GOOD, ACCURACY, champion="not a table of labels\n1\n")
    assert set(alone.digests) == {"predictions"}
    both = measure(GOOD, ACCURACY, CHANGE, champion=GOOD)
    assert set(both.digests) == {"predictions", "champion"}
    assert both.digests["predictions"] == both.digests["champion"]
    assert alone.has_champion
    assert both.has_champion


def test_what_a_table_cannot_have_is_absent() -> None:
    """A metric of one's own, a comparison without a champion, and a slice: never the overall value instead."""
    wanted = {Subject(metric="cost"), CHANGE, Subject(metric="accuracy", slice="country=de")}
    found = measure(GOOD, *wanted)
    assert found.samples == {}
    assert set(found.absent) == wanted
    assert found.absent[Subject(metric="cost")] == "a prediction table does not have this metric"


def test_both_tables_in_different_files_of_one_engine() -> None:
    """The champion's may be parquet where the candidate's is CSV."""
    Path("x.csv").write_text(GOOD)
    with duckdb.connect() as connection:
        connection.execute("COPY (SELECT * FROM 'x.csv') TO 'c.parquet'")
    request = EvidenceRequest(
        predictions="x.csv", champion="c.parquet", columns=Columns(), wanted=frozenset({CHANGE}), confidence=0.95
    )
    assert measured(request).samples[CHANGE] == Paired(only_candidate=0, only_champion=0, n=4)
