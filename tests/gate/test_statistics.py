"""What is counted, and the arithmetic from counts to samples that tables and arrays share."""

import pytest

from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.samples import Average, FScore, Proportion, Quantile
from ml_cicd.gate.settings import Role
from ml_cicd.gate.statistics import (
    Absence,
    Confusion,
    Label,
    OrderStatistics,
    Positives,
    QuantileNeed,
    ranks_of,
)
from ml_cicd.ground.errors import EvidenceError

TWO = Confusion(cells={(1, 1): 30, (1, 0): 5, (0, 1): 10, (0, 0): 55})


def test_two_classes_with_a_positive_one() -> None:
    """Each metric takes its own cells."""
    assert TWO.positives == Positives(name="1", hits=30, false_alarms=10, misses=5)
    made = {name: CATALOGUE[name].sample(TWO) for name in ("accuracy", "precision", "recall", "f1_score")}
    assert made == {
        "accuracy": Proportion(successes=85, n=100),
        "precision": Proportion(successes=30, n=40, of="precision of 1", counted="rows predicted as 1"),
        "recall": Proportion(successes=30, n=35, of="recall of 1", counted="rows with the label 1"),
        "f1_score": FScore(true_positives=30, false_positives=10, false_negatives=5, of="F1 of 1"),
    }


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("precision", {(1, 0): 3, (0, 0): 4}, "no row is predicted as 1"),
        ("recall", {(0, 1): 3, (0, 0): 4}, "no row has the label 1"),
        ("f1_score", {(0, 0): 4}, "no row is 1 by label or prediction"),
    ],
)
def test_a_rate_of_no_rows_is_absent(name: str, cells: dict[tuple[Label, Label], int], why: str) -> None:
    """Neither zero nor one, but not measured."""
    assert CATALOGUE[name].sample(Confusion(cells=cells)) == Absence(why=why)


def test_other_classes_are_averaged() -> None:
    """Three classes, and two whose positive one nobody named; the order of cells does not matter."""
    cells: dict[tuple[Label, Label], int] = {("b", "b"): 9, ("a", "a"): 8, ("c", "a"): 3, ("c", "c"): 5}
    one, other = Confusion(cells=cells), Confusion(cells=dict(reversed(cells.items())))
    assert one.positives is None
    assert one.classes == ("a", "b", "c")
    assert one.table == [[8, 0, 0], [0, 9, 0], [3, 0, 5]]
    sample = CATALOGUE["recall"].sample(one)
    assert sample == CATALOGUE["recall"].sample(other)
    assert isinstance(sample, Average)
    assert sample.value == pytest.approx((1 + 1 + 5 / 8) / 3)


@pytest.mark.parametrize("cells", [{}, {(1, 1): 0}, {(1, 1): -1, (0, 0): 5}])
def test_what_was_not_counted_is_refused(cells: dict[tuple[Label, Label], int]) -> None:
    """No row, or fewer than none."""
    with pytest.raises(EvidenceError):
        Confusion(cells=cells)


def test_a_quantile_interpolates_and_its_bounds_do_not() -> None:
    """The value is NumPy's; the bounds are values that were seen, so that they hold for ties too."""
    need = QuantileNeed(role=Role.LATENCY_MS, quantile=0.5, confidence=0.95)
    ranks = ranks_of(need, 10)
    assert (ranks.lower, ranks.upper) == (2, 9)
    assert ranks.wanted == {2, 5, 6, 9}
    values = {rank: float(rank * rank) for rank in range(1, 11)}
    assert CATALOGUE["latency_p50_ms"].sample(OrderStatistics(ranks=ranks, values=values)) == Quantile(
        value=30.5, lower=4, upper=81, quantile=0.5, n=10, confidence=0.95
    )


def test_too_few_rows_have_no_upper_bound() -> None:
    """The ranks say so, whatever the values are."""
    ranks = ranks_of(QuantileNeed(role=Role.LATENCY_MS, quantile=0.99, confidence=0.95), 298)
    assert ranks.upper is None
    assert ranks.lower is not None
