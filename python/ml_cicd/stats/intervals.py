"""Bounds for one sample.

`alpha` is always the one-sided level of each bound: a two-sided 95 % interval has alpha 0.025.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ml_cicd.stats.special import beta_cdf, beta_quantile, binomial_cdf, normal_quantile

MOST_ROWS = 10**9
ROUNDING = 1e-12  # relative


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower and upper bound, each wrong with probability at most alpha."""

    lower: float
    upper: float


def clopper_pearson(successes: float, n: float, alpha: float) -> Bounds:
    """Return exact bounds of a proportion (Clopper & Pearson 1934).

    Fractional counts are an effective sample size (Korn & Graubard 1998).
    """
    lower = 0.0 if successes <= 0 else beta_quantile(alpha, successes, n - successes + 1)
    upper = 1.0 if successes >= n else beta_quantile(1 - alpha, successes + 1, n - successes)
    return Bounds(lower, upper)


def normal_bounds(value: float, standard_error: float, alpha: float) -> Bounds:
    """Return value -+ z * standard error."""
    half = normal_quantile(1 - alpha) * standard_error
    return Bounds(value - half, value + half)


def student_bounds(value: float, standard_error: float, n: int, alpha: float) -> Bounds:
    """Return value -+ t * standard error, with n - 1 degrees of freedom (Student 1908): of a mean of n rows."""
    degrees = n - 1
    x = beta_quantile(2 * alpha, degrees / 2, 0.5)  # of 1 / (1 + t^2 / degrees)
    half = math.sqrt(degrees * (1 - x) / x) * standard_error
    return Bounds(value - half, value + half)


def f_score_bounds(true_positives: int, others: int, alpha: float) -> Bounds:
    """Return exact bounds of F1 = 2 J / (1 + J), where J = TP / (TP + FP + FN) is a proportion of the rows that are
    positive by label or by prediction, and F1 is monotone in J. `others` is FP + FN.
    """
    jaccard = clopper_pearson(true_positives, true_positives + others, alpha)
    return Bounds(*(2 * j / (1 + j) for j in (jaccard.lower, jaccard.upper)))


def order_statistic_ranks(n: int, quantile: float, alpha: float) -> tuple[int | None, int | None]:
    """Return 1-based ranks (l, u) of the order statistics that bound a quantile (David & Nagaraja 2003, section 7.1).

    The number of rows below the true quantile is Binomial(n, quantile): X_(l) is above it with probability
    P(B < l) <= alpha, X_(u) is below it with probability P(B >= u) <= alpha. None where no rank is that far out.
    """
    # The bounds are ranks, never interpolated values: only then they hold for every distribution, ties included. The
    # upper rank is sought by the last one that is not far enough out, because `_largest` searches from below.
    low = _largest(n, lambda rank: binomial_cdf(rank - 1, n, quantile) <= alpha)
    first_sure = _largest(n, lambda rank: 1 - binomial_cdf(rank - 1, n, quantile) > alpha)
    high = first_sure + 1
    return (low or None), (high if high <= n else None)


def _largest(n: int, holds: Callable[[int], bool]) -> int:
    """Return the largest rank in 1..n for which a monotone condition holds, 0 where it never does."""
    low, high = 0, n
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def rows_needed_proportion(successes: float, n: float, threshold: float, alpha: float) -> int | None:
    """Return about the smallest number of rows at which the same observed rate would clear `threshold`, on whichever
    side it lies; None where the rate is the threshold itself or 10^9 rows do not do.

    Rows are whole: the rate is rounded away from the side that is to be shown, so that this number does clear it.
    """
    rate = successes / n
    if rate == threshold:
        return None

    def clears(rows: int) -> bool:
        # Asks on which side of the Clopper-Pearson bound the threshold is, not where the bound is.
        if rate > threshold:
            hits = whole_below(rate * rows)
            return hits > 0 and beta_cdf(threshold, hits, rows - hits + 1) <= alpha
        hits = whole_above(rate * rows)
        return hits < rows and beta_cdf(threshold, hits + 1, rows - hits) > 1 - alpha

    return smallest(clears, math.ceil(n))


def whole_below(count: float) -> int:
    """Return the whole number below a count; one that is whole but for rounding is that number."""
    return math.floor(count * (1 + ROUNDING))


def whole_above(count: float) -> int:
    """Return the whole number above a count; one that is whole but for rounding is that number."""
    return math.ceil(count * (1 - ROUNDING))


def rows_needed_by_width(n: int, value: float, bound: float, threshold: float) -> int | None:
    """Estimate the rows at which a bound that shrinks with 1/sqrt(n) would reach `threshold`."""
    distance = abs(threshold - value)
    if distance == 0 or not math.isfinite(bound):
        return None
    ratio = (bound - value) / distance
    rows = n * ratio * ratio  # infinite where the estimate is next to the threshold; a power would raise
    return math.ceil(rows) if rows <= MOST_ROWS else None


def smallest(clears: Callable[[int], bool], start: int) -> int | None:
    """Return the smallest number of rows >= `start` that clears, by doubling and bisection."""
    low = high = max(1, start)
    while not clears(high):
        low, high = high, high * 2
        if high > MOST_ROWS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if clears(middle) else (middle, high)
    return high
