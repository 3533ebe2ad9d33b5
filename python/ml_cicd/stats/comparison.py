"""Two models on the same rows."""

import math

from ml_cicd.stats.intervals import Bounds, smallest
from ml_cicd.stats.special import HALVINGS, log_choose, log_sum_exp, normal_quantile


def tango_z(only_candidate: float, only_champion: float, n: float, difference: float) -> float:
    """Return the score statistic of H0: p(candidate right) - p(champion right) = `difference` (Tango 1998)."""
    b, c, d = only_candidate, only_champion, difference
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


def mcnemar_exact(only_candidate: int, only_champion: int) -> float:
    """Return the two-sided exact p-value of equal proportions from the discordant pairs (McNemar 1947)."""
    n = only_candidate + only_champion
    if n == 0:
        return 1.0
    tail = [log_choose(n, i) - n * math.log(2) for i in range(min(only_candidate, only_champion) + 1)]
    return min(1.0, 2 * math.exp(log_sum_exp(tail)))


def pairs_needed(only_candidate: int, only_champion: int, n: int, margin: float, alpha: float) -> int | None:
    """Return the smallest number of pairs at which the same discordant rates would settle "not worse by `margin`".

    None where the observed difference is -margin itself or 10^9 pairs do not do.
    """
    b, c = only_candidate / n, only_champion / n
    if b - c == -margin:
        return None

    def settles(rows: int) -> bool:
        bounds = tango_bounds(b * rows, c * rows, rows, alpha)
        return bounds.lower >= -margin if b - c > -margin else bounds.upper < -margin

    return smallest(settles, n)
