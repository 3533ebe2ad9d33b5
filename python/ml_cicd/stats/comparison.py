"""Two models on the same rows."""

import math

from ml_cicd.stats.intervals import Bounds, smallest, whole_above, whole_below
from ml_cicd.stats.special import HALVINGS, normal_quantile


def tango_z(only_candidate: float, only_champion: float, n: float, difference: float) -> float:
    """Return the score statistic of H0: p(candidate right) - p(champion right) = `difference` (Tango 1998)."""
    b, c, d = only_candidate, only_champion, difference
    # The score test takes its variance where H0 holds, so q is the champion-only rate of the likeliest table with this
    # difference: the root of a quadratic. Rounding can push its discriminant below zero, and then it is zero.
    linear = -b - c + (2 * n - b + c) * d
    constant = -c * d * (1 - d)
    q = (math.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * q + d * (1 - d))
    if variance > 0:
        return (b - c - n * d) / math.sqrt(variance)
    return math.inf if b - c > n * d else 0.0


def tango_bounds(only_candidate: float, only_champion: float, n: float, alpha: float) -> Bounds:
    """Return score bounds of the difference of two paired proportions (Tango 1998)."""
    z = normal_quantile(1 - alpha)
    observed = (only_candidate - only_champion) / n

    def root(target: float, low: float, high: float) -> float:
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if tango_z(only_candidate, only_champion, n, middle) > target:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    return Bounds(root(z, -1 + 1e-12, observed), root(-z, observed, 1 - 1e-12))


def pairs_needed(only_candidate: int, only_champion: int, n: int, margin: float, alpha: float) -> int | None:
    """Return about how many pairs at the same discordant rates would settle "not worse by `margin`".

    Pairs are whole, and rounded away from the side that is to be shown. None where the observed difference is -margin
    itself or 10^9 pairs do not do.
    """
    b, c = only_candidate / n, only_champion / n
    if b - c == -margin:
        return None

    def settles(rows: int) -> bool:
        if b - c > -margin:
            return tango_bounds(whole_below(b * rows), whole_above(c * rows), rows, alpha).lower >= -margin
        return tango_bounds(whole_above(b * rows), whole_below(c * rows), rows, alpha).upper < -margin

    return smallest(settles, n)
