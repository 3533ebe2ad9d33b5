"""From what is wanted to samples, whoever counts."""

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager

import pytest

from ml_cicd.gate.doors import ENGINES, engine_of
from ml_cicd.gate.evidence import (
    EvidenceRequest,
    evaluate,
    evidence_from_mapping,
    evidence_from_metrics,
    measure,
)
from ml_cicd.gate.importers.reading import Reading
from ml_cicd.gate.ports import Engine
from ml_cicd.gate.samples import Paired, Point, Proportion
from ml_cicd.gate.settings import Columns
from ml_cicd.gate.statistics import Absence, Answers, Confusion, ConfusionNeed, Need, PairsNeed, QuantileNeed, Statistic
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.finding import Scope, Subject

ACCURACY = Subject(metric="accuracy")
CHANGE = Subject(metric="accuracy", scope=Scope.CHANGE)
LATENCY = Subject(metric="latency_p99_ms")
COUNTED = Confusion(cells={(1, 1): 3, (0, 1): 1})


class Counter:
    """A source that knows these answers, and keeps what it was asked."""

    def __init__(self, known: Mapping[Need, Statistic]) -> None:
        """Take them."""
        self.known, self.asked = known, list[frozenset[Need]]()

    def answer(self, needs: frozenset[Need]) -> Answers:
        """Give what is known."""
        self.asked.append(needs)
        return Answers(statistics={n: self.known.get(n, Absence(why="unseen")) for n in needs}, digests={"it": "1"})


def test_each_need_is_counted_once() -> None:
    """Metrics that share a need share the count, and all needs are asked for together."""
    source = Counter({ConfusionNeed(): COUNTED})
    wanted = frozenset(Subject(metric=name) for name in ("accuracy", "precision", "recall", "f1_score"))
    found = measure(wanted, source, 0.95)
    assert source.asked == [frozenset({ConfusionNeed()})]
    assert set(found.samples) == wanted
    assert found.samples[ACCURACY] == Proportion(successes=3, n=4)
    assert found.digests == {"it": "1"}


def test_what_is_not_wanted_is_not_counted() -> None:
    """Only the needs of the wanted, at the confidence that is asked for."""
    source = Counter({})
    measure(frozenset({LATENCY}), source, 0.9)
    ((need,),) = source.asked
    assert isinstance(need, QuantileNeed)
    assert (need.quantile, need.confidence) == (0.99, 0.9)


def test_an_unanswered_need_is_an_absence_with_its_reason() -> None:
    """Nothing is made up for it, and the other metrics are measured."""
    found = measure(frozenset({ACCURACY, LATENCY, CHANGE}), Counter({ConfusionNeed(): COUNTED}), 0.95)
    assert set(found.samples) == {ACCURACY}
    assert found.absent == {LATENCY: "unseen", CHANGE: "unseen"}


def test_pairs_are_their_own_sample() -> None:
    """And whether there is a champion is said by whoever asks."""
    pairs = Paired(only_candidate=1, only_champion=0, n=4)
    found = measure(frozenset({CHANGE}), Counter({PairsNeed(): pairs}), 0.95, has_champion=True)
    assert found.samples == {CHANGE: pairs}
    assert found.has_champion


def test_a_slice_is_not_the_whole() -> None:
    """The overall accuracy never answers for one slice."""
    sliced = Subject(metric="accuracy", slice="country=de")
    assert measure(frozenset({sliced}), Counter({ConfusionNeed(): COUNTED}), 0.95).samples == {}
    given = Reading(where="m.json", tree={"accuracy": 0.9})
    assert evidence_from_metrics(given, wanted=frozenset({sliced}), digest="d").samples == {}


def test_given_metrics_are_taken_by_name() -> None:
    """What is wanted and there; the rest is absent, a comparison always."""
    given = Reading(where="m.json", tree={"accuracy": 0.9, "other": float("nan")})
    wanted = frozenset({ACCURACY, CHANGE, Subject(metric="recall")})
    found = evidence_from_metrics(given, wanted=wanted, digest="sha256:1", has_champion=True)
    assert found.samples == {ACCURACY: Point(value=0.9)}
    assert found.absent[Subject(metric="recall")] == "m.json does not have it; it has 'accuracy', 'other'"
    assert "row by row" in found.absent[CHANGE]
    assert (found.digests, found.has_champion) == ({"metrics": "sha256:1"}, True)


class Scalar:
    """A number as NumPy and torch have it."""

    ndim = 0

    def __init__(self, number: float) -> None:
        """Take it."""
        self.number = number

    def item(self) -> float:
        """Give it."""
        return self.number


def test_a_program_may_give_its_metrics() -> None:
    """Scalars are numbers, the digest is over what is wanted alone, and a bad value is an error with its path."""
    given = {"accuracy": {"value": Scalar(0.9), "n": 10}, "loss": "unread"}
    found = evidence_from_mapping(given, frozenset({ACCURACY, LATENCY}))
    assert found.samples == {ACCURACY: Proportion(successes=9, n=10)}
    assert found.absent == {LATENCY: "the mapping `metrics` does not have it; it has 'accuracy'"}
    assert found.digests == evidence_from_mapping({"accuracy": {"n": 10, "value": 0.9}}, frozenset({ACCURACY})).digests
    with pytest.raises(InputError, match=r"metrics\.accuracy"):
        evidence_from_mapping({"accuracy": float("nan")}, frozenset({ACCURACY}))
    with pytest.raises(InputError, match="more than once"):
        evidence_from_mapping({"a.b": 1, "a": {"b": 1}}, frozenset({Subject(metric="a.b")}))
    nested = evidence_from_mapping({"test": {"accuracy": Scalar(0.9)}}, frozenset({Subject(metric="test.accuracy")}))
    assert nested.samples == {Subject(metric="test.accuracy"): Point(value=0.9)}


@pytest.mark.parametrize(
    ("predictions", "metrics", "says"), [("", "", "no evidence"), ("p.csv", "m.json", "evidence of two kinds")]
)
def test_a_request_has_one_kind_of_evidence(predictions: str, metrics: str, says: str) -> None:
    """Neither predictions nor metrics, or both: nobody could say what was judged."""
    with pytest.raises(InputError, match=says):
        EvidenceRequest(
            predictions=predictions,
            metrics=metrics,
            columns=Columns(),
            wanted=frozenset({ACCURACY}),
            confidence=0.95,
        )


def no_engine(path: str) -> AbstractContextManager[Engine]:
    """Fail: no table is to be opened."""
    raise AssertionError(path)


def test_a_metrics_file_opens_no_table() -> None:
    """Nor is anything of the champion read; the digest is that of the bytes."""
    request = EvidenceRequest(
        metrics="m.json", champion="c.csv", columns=Columns(), wanted=frozenset({ACCURACY}), confidence=0.95
    )
    content = b'{"accuracy": 0.5}'
    found = evaluate(request, connect=no_engine, read_metrics=lambda _: content)
    assert found.samples == {ACCURACY: Point(value=0.5)}
    assert found.digests == {"metrics": f"sha256:{hashlib.sha256(content).hexdigest()}"}


@pytest.mark.parametrize(
    "path", ["p.parquet", "folder.x/p.PQ", "p.csv", "p.TSV.gz", "p.jsonl", "p.json", "parts/", "."]
)
def test_a_table_is_opened_by_its_suffix(path: str) -> None:
    """In any case of letters, in any folder, and packed; what has no suffix may be a folder of parts."""
    assert engine_of(path) == "ml_cicd.gate.engines.duckdb"


@pytest.mark.parametrize(
    ("path", "suffix"), [("p.pkl", ".pkl"), ("p.pkl.gz", ".pkl.gz"), ("p.gz", ".gz"), ("f.csv/p.txt", ".txt")]
)
def test_an_unknown_suffix_names_the_known(path: str, suffix: str) -> None:
    """The cure is made from the table of engines."""
    with pytest.raises(EvidenceError, match=f"unknown kind of table '{suffix}'") as problem:
        engine_of(path)
    assert problem.value.cure == f"Use one of {', '.join(ENGINES)}."


def test_no_engine_is_loaded_before_a_table_is_opened() -> None:
    """Judging a metrics file imports neither DuckDB nor torch."""
    code = (
        "import sys; import ml_cicd.gate.evidence, ml_cicd.gate.judgement, ml_cicd.gate.doors\n"
        "print([m for m in ('duckdb', 'torch', 'numpy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
