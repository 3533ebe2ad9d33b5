"""How clustered failures are, from the looks of one arm: 1 for independent ones, more for bursts.

Successive differences, so that a rate that drifts slowly is not taken for bursts: for two looks of n and m requests
with x and y failures, (x m - y n)^2 / (n m) has under independence the expectation t (N - t) / (N - 1), where t = x + y
and N = n + m (hypergeometric variance). Weighted by t, the ratio of the sums tends to E[S^2] / E[S] for bursts of size
S.

An arm that dies is no burst: its one leap, from few failures to nearly all, would outweigh all that was seen before and
after, and so keep all traffic at a dead champion. From the look before an outage to the one after it, where it may have
begun and ended, nothing is learnt.
"""

import math
from dataclasses import dataclass, replace

PRIOR_FAILURES = 2.0
NOTABLE = 1.25
CAUTION = 1.15
ERRORS = 2.0
OUT, LEAP, ENOUGH = 0.5, 0.3, 20  # an outage: at least half of some requests fail, by a leap and not by habit


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispersion:
    """Sums over the pairs of looks so far, what an outage at the next look would take back of them, and the last look;
    `out` while an outage lasts. `held` are requests and failures that may begin one, too few to tell: they are taken in
    with the next look.
    """

    squares: float = 0.0
    expected: float = 0.0
    last_squares: float = 0.0
    last_expected: float = 0.0
    requests: int = 0
    failures: int = 0
    out: bool = False
    held: tuple[int, int] = (0, 0)

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
    requests, failures = requests + dispersion.held[0], failures + dispersion.held[1]
    leaps = _leaps(dispersion, requests, failures)
    if leaps and requests < ENOUGH:
        return replace(dispersion, held=(requests, failures))
    if leaps or (dispersion.out and failures >= OUT * requests):
        squares, expected = dispersion.squares - dispersion.last_squares, dispersion.expected - dispersion.last_expected
        return Dispersion(squares=max(0.0, squares), expected=max(0.0, expected), out=True)
    if dispersion.out:
        return replace(dispersion, out=False, held=(0, 0))
    n, x, m, y = dispersion.requests, dispersion.failures, requests, failures
    squares, expected = 0.0, 0.0
    together, total = x + y, n + m
    if n and 0 < together < total:
        squares = (x * m - y * n) ** 2 / (n * m)
        expected = together * (total - together) / (total - 1)
    return Dispersion(
        squares=dispersion.squares + squares,
        expected=dispersion.expected + expected,
        last_squares=squares,
        last_expected=expected,
        requests=requests,
        failures=failures,
    )


def _leaps(dispersion: Dispersion, requests: int, failures: int) -> bool:
    share = failures / requests
    return share >= OUT and dispersion.requests > 0 and share - dispersion.failures / dispersion.requests >= LEAP
