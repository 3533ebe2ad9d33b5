"""How clustered failures are, from the looks of one arm: 1 for independent ones, more for bursts.

Successive differences, so that a rate that drifts slowly is not taken for bursts: for two looks of n and m requests
with x and y failures, (x m - y n)^2 / (n m) has under independence the expectation t (N - t) / (N - 1), where t = x + y
and N = n + m (hypergeometric variance). Weighted by t, the ratio of the sums tends to E[S^2] / E[S] for bursts of size
S.
"""

import math
from dataclasses import dataclass

PRIOR_FAILURES = 2.0
NOTABLE = 1.25
CAUTION = 1.15
ERRORS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispersion:
    """Sums over the pairs of looks so far, and the last look."""

    squares: float = 0.0
    expected: float = 0.0
    requests: int = 0
    failures: int = 0

    @property
    def estimate(self) -> float:
        """The dispersion, at least 1; a prior that is worth two independent failures keeps the first ones near 1."""
        return max(1.0, (self.squares + PRIOR_FAILURES) / (self.expected + PRIOR_FAILURES))

    @property
    def phi(self) -> float:
        """What a test is tempered by: 1 up to an estimate of 1.25, above it the estimate with a surcharge of 15 %, and
        of two standard errors: the fewer bursts were seen, the more it may be too low.
        """
        if self.estimate <= NOTABLE:
            return 1.0
        error = math.sqrt(self.estimate / (self.expected + PRIOR_FAILURES))
        return self.estimate * (CAUTION + ERRORS * error)


def add_look(dispersion: Dispersion, requests: int, failures: int) -> Dispersion:
    """Take in one look of one arm; a look without a request says nothing."""
    if not requests:
        return dispersion
    n, x, m, y = dispersion.requests, dispersion.failures, requests, failures
    squares, expected = dispersion.squares, dispersion.expected
    together, total = x + y, n + m
    if n and 0 < together < total:
        squares += (x * m - y * n) ** 2 / (n * m)
        expected += together * (total - together) / (total - 1)
    return Dispersion(squares=squares, expected=expected, requests=requests, failures=failures)
