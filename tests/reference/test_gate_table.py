"""Measurement and judgement against reference values of scikit-learn and SciPy."""

from pathlib import Path

import pytest

from ml_cicd.gate.evidence import Evidence, EvidenceRequest
from ml_cicd.gate.samples import FScore, Paired
from ml_cicd.gate.settings import Columns
from ml_cicd.ground.finding import Scope, Subject
from tests.gate.measuring import measured
from tests.reference.gate_table import rows, write_csv

VALUES = {
    "accuracy": 0.642,
    "precision": 0.5815602836879432,
    "recall": 0.7288888888888889,
    "f1_score": 0.6469428007889546,
    "latency_p50_ms": 506.5,
    "latency_p95_ms": 959.05,
    "latency_p99_ms": 999.01,
}
CHANGE = Subject(metric="accuracy", scope=Scope.CHANGE)
WANTED = frozenset({*(Subject(metric=name) for name in VALUES), CHANGE})


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Measure the table once."""
    folder: Path = tmp_path_factory.mktemp("gate")
    request = EvidenceRequest(
        predictions=write_csv(folder / "candidate.csv", champion=False),
        champion=write_csv(folder / "champion.csv", champion=True),
        columns=Columns(),
        wanted=WANTED,
        confidence=0.95,
    )
    return measured(request)


@pytest.mark.parametrize(("name", "value"), VALUES.items())
def test_values(evidence: Evidence, name: str, value: float) -> None:
    """Each metric equals the reference to all digits."""
    assert evidence.samples[Subject(metric=name)].bounded(0.05).value == pytest.approx(value, rel=1e-14)


def test_the_confusion_matrix(evidence: Evidence) -> None:
    """True positives, false positives and false negatives are 328, 236 and 122; 450 rows are positive."""
    expected = FScore(true_positives=328, false_positives=236, false_negatives=122, of="F1 of 1")
    assert evidence.samples[Subject(metric="f1_score")] == expected
    assert sum(row.label for row in rows()) == 450


def test_clopper_pearson(evidence: Evidence) -> None:
    """Two one-sided 97.5 % bounds are the two-sided 95 % interval of SciPy's binomtest."""
    judged = evidence.samples[Subject(metric="accuracy")].bounded(0.025)
    assert judged.lower == pytest.approx(0.6114024907, abs=5e-11)
    assert judged.upper == pytest.approx(0.6717585560, abs=5e-11)


def test_the_paired_difference(evidence: Evidence) -> None:
    """125 rows only the candidate has right, 80 only the champion; Tango's bounds lie near the normal ones."""
    assert evidence.samples[CHANGE] == Paired(only_candidate=125, only_champion=80, n=1000)
    judged = evidence.samples[CHANGE].bounded(0.025)
    assert judged.value == pytest.approx(0.045)
    assert judged.lower == pytest.approx(0.0170765313, abs=5e-4)
    assert judged.upper == pytest.approx(0.0729234687, abs=5e-4)
