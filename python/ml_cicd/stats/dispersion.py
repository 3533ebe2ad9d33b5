"""How clustered failures are, from the looks of one arm or of several: 1 for independent ones, more for bursts.

Successive differences, so that a rate that drifts slowly is not taken for bursts: for two looks of n and m requests
with x and y failures, (x m - y n)^2 / (n m) has under independence the expectation t (N - t) / (N - 1), where t = x + y
and N = n + m (hypergeometric variance). Weighted by t, the ratio of the sums tends to E[S^2] / E[S] for bursts of size
S.

An arm that dies is no burst: its one leap, from few failures to nearly all, would outweigh all that was seen before and
after, and so keep all traffic at a dead champion. A leap is taken back once the next look shows that it lasts; from the
look before an outage to the one after it, where it may have begun and ended, nothing is learnt.
"""

import math
from dataclasses import dataclass, replace

CAUTION = 1.25
NOISE = 3.5
OUT, LEAP = 0.5, 0.3  # an outage: at least half of the requests of two looks fail, by a leap and not by habit


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispersion:
    """Sums over the pairs of looks so far, what an outage would take back of them (the last pair, and the one before it
    where an outage may have begun there), and the last look; `leapt` where one may have begun with it, `out` while one
    lasts.
    """

    squares: float = 0.0
    expected: float = 0.0
    noise: float = 0.0
    last_squares: float = 0.0
    last_expected: float = 0.0
    last_noise: float = 0.0
    requests: int = 0
    failures: int = 0
    leapt: bool = False
    out: bool = False

    @property
    def estimate(self) -> float:
        """The dispersion, at least 1."""
        return max(1.0, self.squares / self.expected) if self.expected else 1.0

    @property
    def phi(self) -> float:
        """What a test is tempered by: 1 where chance explains the estimate, else the estimate and a quarter more."""
        sure = self.squares - self.expected > math.sqrt(self.noise)
        return self.estimate * CAUTION if sure else 1.0


def together(one: Dispersion, other: Dispersion) -> Dispersion:
    """Return what two arms tell, each compared with itself alone."""
    return Dispersion(
        squares=one.squares + other.squares, expected=one.expected + other.expected, noise=one.noise + other.noise
    )


def add_look(dispersion: Dispersion, requests: int, failures: int) -> Dispersion:
    """Take in one look of one arm; a look without a request says nothing."""
    if not requests:
        return dispersion
    if (dispersion.out or dispersion.leapt) and failures >= OUT * requests:
        return Dispersion(
            squares=max(0.0, dispersion.squares - dispersion.last_squares),
            expected=max(0.0, dispersion.expected - dispersion.last_expected),
            noise=max(0.0, dispersion.noise - dispersion.last_noise),
            out=True,
        )
    if dispersion.out:
        return replace(dispersion, out=False)
    n, x, m, y = dispersion.requests, dispersion.failures, requests, failures
    squares, expected = 0.0, 0.0
    both, total = x + y, n + m
    if n and 0 < both < total:
        squares = (x * m - y * n) ** 2 / (n * m)
        expected = both * (total - both) / (total - 1)
    noise, leapt = NOISE * expected**2, _leaps(dispersion, requests, failures)
    return Dispersion(
        squares=dispersion.squares + squares,
        expected=dispersion.expected + expected,
        noise=dispersion.noise + noise,
        last_squares=squares + leapt * dispersion.last_squares,
        last_expected=expected + leapt * dispersion.last_expected,
        last_noise=noise + leapt * dispersion.last_noise,
        requests=requests,
        failures=failures,
        leapt=leapt,
    )


def interrupted(dispersion: Dispersion) -> Dispersion:
    """Return what is known without the last pair: an arm that is found dead may have begun to die there. The next look
    is compared with nothing.
    """
    return Dispersion(
        squares=max(0.0, dispersion.squares - dispersion.last_squares),
        expected=max(0.0, dispersion.expected - dispersion.last_expected),
        noise=max(0.0, dispersion.noise - dispersion.last_noise),
    )


def _leaps(dispersion: Dispersion, requests: int, failures: int) -> bool:
    share = failures / requests
    return share >= OUT and dispersion.requests > 0 and share - dispersion.failures / dispersion.requests >= LEAP
