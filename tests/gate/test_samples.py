"""Samples bound themselves."""

import math

import pytest

from ml_cicd.gate.samples import (
    Average,
    Estimate,
    FScore,
    Interval,
    Judged,
    Paired,
    Point,
    Proportion,
    Quantile,
    Sample,
)
from ml_cicd.ground.errors import EvidenceError

TIED = Quantile(value=11, lower=11, upper=11, quantile=0.95, n=600, confidence=0.95)
SAMPLES: list[Sample] = [
    Proportion(successes=90, n=100),
    FScore(true_positives=50, false_positives=5, false_negatives=7),
    Average(value=0.9, effective_n=54, n=400),
    Paired(only_candidate=9, only_champion=4, n=300),
    Quantile(value=40, lower=38, upper=45, quantile=0.99, n=2000, confidence=0.95),
    TIED,
    Estimate(value=0.5, standard_error=0.1),
    Estimate(value=0.5, standard_error=0),
    Interval(value=0.5, low=0.4, high=0.6),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=repr)
def test_bounds_hold_the_value(sample: Sample) -> None:
    """Lower bound, value and upper bound come in this order, and none of these is a point."""
    judged = sample.bounded(0.05)
    assert judged.lower is not None
    assert judged.upper is not None
    assert judged.lower <= judged.value <= judged.upper
    assert not judged.point


def test_only_a_bare_number_is_a_point() -> None:
    """Its bounds are itself, and nobody knows how many rows would settle anything."""
    judged = Point(value=0.96).bounded(0.05)
    assert (judged.lower, judged.upper, judged.n, judged.point) == (0.96, 0.96, None, True)
    assert judged.needed(0.95) is None


def test_a_tied_quantile_keeps_its_bounds() -> None:
    """Where hundreds of rows have the same value both bounds are that value, and they are bounds all the same."""
    judged = TIED.bounded(0.05)
    assert (judged.lower, judged.upper, judged.n, judged.point) == (11, 11, 600, False)


def test_a_quantile_without_an_upper_bound_asks_for_the_rows_that_give_one() -> None:
    """299 rows are the fewest that bound p99 from above at 95 %."""
    judged = Quantile(value=11, lower=9, upper=None, quantile=0.99, n=120, confidence=0.95).bounded(0.05)
    assert judged.needed(50) == 299


def test_a_sparse_average_has_no_bounds() -> None:
    """And its method says why."""
    judged = Average(value=1, effective_n=400, n=400, sparse="class 'a' has 2 rows").bounded(0.05)
    assert judged == Judged(value=1, lower=None, upper=None, n=400, how="class 'a' has 2 rows")


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    "build",
    [
        lambda x: Proportion(successes=x, n=10),
        lambda x: Proportion(successes=1, n=x),
        lambda x: Average(value=x, effective_n=1, n=1),
        lambda x: Quantile(value=1, lower=x, upper=None, quantile=0.5, n=1, confidence=0.95),
        lambda x: Estimate(value=x, standard_error=1),
        lambda x: Interval(value=0, low=-1, high=x),
        lambda x: Point(value=x),
    ],
)
def test_what_is_not_finite_is_no_sample(build: object, value: float) -> None:
    """NaN and infinity are never compared with a threshold."""
    assert callable(build)
    with pytest.raises(EvidenceError):
        build(value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Proportion(successes=11, n=10),
        lambda: Proportion(successes=0, n=0),
        lambda: FScore(true_positives=0, false_positives=0, false_negatives=0),
        lambda: Average(value=1.1, effective_n=1, n=1),
        lambda: Paired(only_candidate=3, only_champion=3, n=5),
        lambda: Estimate(value=1, standard_error=-1),
        lambda: Interval(value=3, low=1, high=2),
    ],
)
def test_counts_that_do_not_add_up_are_refused(build: object) -> None:
    """No sample can be of such numbers."""
    assert callable(build)
    with pytest.raises(EvidenceError):
        build()


def test_bounds_beyond_all_numbers() -> None:
    """A spread so wide that a bound overflows cannot carry a decision."""
    with pytest.raises(EvidenceError, match=r"Estimate\.lower is -inf"):
        Estimate(value=-1e308, standard_error=1e308).bounded(0.05)
