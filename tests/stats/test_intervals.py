"""Bounds against published values and against brute force."""

import math
from itertools import pairwise

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.stats.comparison import pairs_needed, tango_bounds
from ml_cicd.stats.intervals import (
    clopper_pearson,
    f_score_bounds,
    normal_bounds,
    order_statistic_ranks,
    rows_needed_by_width,
    rows_needed_proportion,
    student_bounds,
)
from ml_cicd.stats.macro import F1, PRECISION, RECALL, ClassRate, macro_estimate
from ml_cicd.stats.special import beta_cdf, beta_quantile, binomial_cdf, normal_quantile


def test_published_intervals() -> None:
    """81 of 263, and 642 of 1,000: Clopper-Pearson as statsmodels and scipy give them."""
    exact = clopper_pearson(81, 263, 0.025)
    assert (exact.lower, exact.upper) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    golden = clopper_pearson(642, 1000, 0.025)
    assert (golden.lower, golden.upper) == pytest.approx((0.6114024907, 0.6717585560), abs=1e-9)


def test_published_comparisons() -> None:
    """Tango's interval for (12, 2) of 50."""
    bounds = tango_bounds(12, 2, 50, 0.025)
    assert (bounds.lower, bounds.upper) == pytest.approx((0.0611, 0.3447), abs=5e-5)


def test_special_functions() -> None:
    """Known values of the normal, beta and binomial functions."""
    assert normal_quantile(0.975) == pytest.approx(1.959963984540054, abs=1e-12)
    assert beta_cdf(0.5, 3, 3) == pytest.approx(0.5, abs=1e-14)
    assert beta_cdf(beta_quantile(0.2, 5, 7), 5, 7) == pytest.approx(0.2, abs=1e-12)
    assert binomial_cdf(3, 10, 0.3) == pytest.approx(
        math.fsum(math.comb(10, k) * 0.3**k * 0.7 ** (10 - k) for k in range(4)), abs=1e-14
    )
    assert binomial_cdf(-1, 10, 0.3) == 0.0
    assert binomial_cdf(10, 10, 0.3) == 1.0


@pytest.mark.parametrize("n", [1, 10, 58, 59, 299, 300, 1000])
@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_order_statistics_are_the_tightest_valid_ranks(n: int, quantile: float) -> None:
    """The ranks hold their level by brute force, and the next closer rank does not."""
    alpha = 0.05
    lower, upper = order_statistic_ranks(n, quantile, alpha)
    below = [
        math.fsum(math.comb(n, k) * quantile**k * (1 - quantile) ** (n - k) for k in range(r)) for r in range(n + 1)
    ]
    valid_lower = [r for r in range(1, n + 1) if below[r] <= alpha]
    valid_upper = [r for r in range(1, n + 1) if 1 - below[r] <= alpha + 1e-12]
    assert lower == (max(valid_lower) if valid_lower else None)
    assert upper == (min(valid_upper) if valid_upper else None)


def test_p99_needs_299_rows_for_an_upper_bound() -> None:
    """Fewer than 299 rows cannot bound the 99th percentile from above at 95 %."""
    assert order_statistic_ranks(298, 0.99, 0.05)[1] is None
    assert order_statistic_ranks(299, 0.99, 0.05)[1] == 299


def test_rows_needed_are_enough_and_not_too_many() -> None:
    """At the rows needed the bound clears the threshold; one row fewer does not."""
    rows = rows_needed_proportion(96, 100, 0.95, 0.05)
    assert rows is not None
    assert clopper_pearson(math.floor(0.96 * rows), rows, 0.05).lower >= 0.95
    assert clopper_pearson(math.floor(0.96 * (rows - 1)), rows - 1, 0.05).lower < 0.95
    assert rows_needed_proportion(95, 100, 0.95, 0.05) is None
    assert rows_needed_by_width(100, 1.0, 2.0, 1.5) == 400
    assert rows_needed_by_width(100, 1.0, 2.0, 1.0) is None
    assert rows_needed_by_width(100, 1.0, 2.0, 1.0 + 1e-15) is None
    assert rows_needed_by_width(100, 0.0, 2.0, 1e-300) is None
    pairs = pairs_needed(10, 10, 200, 0.02, 0.05)
    assert pairs is not None
    assert tango_bounds(0.05 * pairs, 0.05 * pairs, pairs, 0.05).lower >= -0.02


def test_f_score_bounds_contain_the_score() -> None:
    """F1 = 2J/(1+J) keeps the order of its bounds, and a perfect score is not certain."""
    bounds = f_score_bounds(328, 236 + 122, 0.025)
    assert bounds.lower < 0.6469428007889546 < bounds.upper
    perfect = f_score_bounds(50, 0, 0.05)
    assert perfect.upper == 1.0
    assert perfect.lower < 0.98


def test_macro_averages_agree_with_scikit_learn() -> None:
    """Macro precision, recall and F1 of a random-looking table equal scikit-learn's with zero_division=0."""
    metrics = pytest.importorskip("sklearn.metrics")
    table = ((30, 2, 1, 0), (4, 25, 0, 3), (0, 0, 0, 5), (1, 1, 0, 40))
    labels = [i for i, row in enumerate(table) for n in row for _ in range(n)]
    predictions = [j for row in table for j, n in enumerate(row) for _ in range(n)]
    expected = metrics.precision_recall_fscore_support(labels, predictions, average="macro", zero_division=0)
    for rate, value in zip((PRECISION, RECALL, F1), expected[:3], strict=True):
        assert macro_estimate(table, rate).value == pytest.approx(value, abs=1e-12)


def test_a_perfect_macro_average_is_not_certain() -> None:
    """Ten classes without an error still have a lower bound below one, at most as tight as accuracy's."""
    table = [[50 if i == j else 0 for j in range(10)] for i in range(10)]
    estimate = macro_estimate(table, F1)
    bounds = clopper_pearson(estimate.value * estimate.effective_n, estimate.effective_n, 0.05)
    assert clopper_pearson(500, 500, 0.05).lower >= bounds.lower - 1e-9
    assert bounds.upper == 1.0


def test_more_rows_tighten_bounds() -> None:
    """At the same rate bounds close in as rows grow."""
    widths = [b.upper - b.lower for b in (clopper_pearson(0.9 * n, n, 0.05) for n in (10, 100, 1000, 10_000))]
    assert all(a > b for a, b in pairwise(widths))
    assert normal_bounds(1.0, 0.0, 0.05).lower == 1.0


@pytest.mark.parametrize(
    ("alpha", "n", "t"),
    [
        (0.05, 2, 6.313751514675037),
        (0.05, 10, 1.833112932656237),
        (0.025, 30, 2.045229642132703),
        (0.01, 1_000_001, 2.326351603120805),
        (0.2, 4, 0.9784723123633042),
    ],
)
def test_quantiles_of_student(alpha: float, n: int, t: float) -> None:
    """As scipy gives them: a mean of few rows is less sure than its standard error looks."""
    bounds = student_bounds(1.0, 2.0, n, alpha)
    assert (bounds.lower, bounds.upper) == pytest.approx((1 - 2 * t, 1 + 2 * t), rel=1e-6)


@pytest.mark.parametrize("weights", [(0.5, 0.6), (-1, 2), (0, 0)])
def test_a_rate_has_weights_that_add_up(weights: tuple[float, float]) -> None:
    """A denominator of more or less than all of its rows would be no rate."""
    with pytest.raises(InputError, match="no shares"):
        ClassRate(denominator=weights, support=(1, 0))
