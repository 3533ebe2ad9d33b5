"""What many requests of few users are worth, from random groups of users.

Nobody keeps a count for each user. A hash puts every user into one of some groups, so that a group's sums hold what the
sums of its users hold: for requests n_g of G groups, (G sum n_g^2 - N^2) / (G - 1) has the expectation sum n_u^2 over
users (Chamandy, Muralidharan, Najmi, Naidu 2012, "Estimating uncertainty for massive data streams").

Failures: where some users fail more often than others, the failures of a group of n_g requests vary by more than
n_g p (1 - p). The ratio is 1 + (m - 1) r for m requests a user (weighted by themselves) and a correlation r of the
failures of one user, so it grows with the requests that each user has sent.

Share: a user stays with one arm, so the candidate's part of two windows differs with the variance s (1 - s) times the
sum of (n_u / N - m_u / M)^2, whatever each user sends, and however users come and go; groups estimate that sum too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ml_cicd.ground.errors import InputError

GROUPS = 128
PRIOR_FAILURES = 2.0
CAUTION, ERRORS = 1.15, 2.0
SLIGHT = 0.1
SURE = 2.0
SURE_BEFORE = 3.0  # what the past says by chance would stay, and grow with every request


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Sums over the groups of one arm, of requests n and failures x: n, n^2, x, n x, x^2."""

    requests: int
    squares: int
    failures: int
    products: int
    failure_squares: int

    def __post_init__(self) -> None:
        """Refuse sums that no groups have."""
        n, x = self.requests, self.failures
        sound = 0 <= x <= n <= self.squares <= n * n and self.failure_squares <= x * x and self.products <= n * x
        if not (sound and x <= self.failure_squares and x <= self.products):
            raise InputError(f"{self} does not add up.", cure="Check the metric source.")

    @property
    def users(self) -> float:
        """The number of equally active users that these requests are worth: N^2 / sum n_u^2."""
        return effective_users(self.requests, self.squares, GROUPS)

    @property
    def estimate(self) -> float:
        """The dispersion of failures between groups; 1 where all users fail alike. Two failures are put in before."""
        if not self.requests:
            return 1.0
        rate = self.failures / self.requests
        seen = self.failure_squares - 2 * rate * self.products + rate * rate * self.squares
        return (seen + PRIOR_FAILURES) / (self._expected + PRIOR_FAILURES)

    @property
    def _expected(self) -> float:
        rate = self.failures / self.requests
        return rate * (1 - rate) * (self.requests - self.squares / self.requests)

    @property
    def error(self) -> float:
        """The relative standard error of the estimate: few groups, or few failures, tell little."""
        groups = self.requests**2 / self.squares
        return math.sqrt(2 / max(groups - 1, 0.5) + 1 / (self._expected + PRIOR_FAILURES))

    def excess(self, times: float, sure: float = SURE) -> float:
        """Return by how much the dispersion exceeds 1 once users have sent `times` as many requests, with a surcharge
        of 15 % and two standard errors; 0 where chance explains it (within `sure` of them), or where it is slight.
        """
        if not self.requests or self.estimate - 1 <= sure * self.error:
            return 0.0
        excess = (self.estimate - 1) * times
        return 0.0 if excess <= SLIGHT else excess * CAUTION + ERRORS * self.error * self.estimate * times


def spread(requests: Sequence[int], failures: Sequence[int]) -> Spread:
    """Return the sums of these groups; a failure may show before its request does."""
    pairs = [(n, min(n, x)) for n, x in zip(requests, failures, strict=True)]
    return Spread(
        requests=sum(n for n, _ in pairs),
        squares=sum(n * n for n, _ in pairs),
        failures=sum(x for _, x in pairs),
        products=sum(n * x for n, x in pairs),
        failure_squares=sum(x * x for _, x in pairs),
    )


def effective_users(requests: float, squares: float, groups: int) -> float:
    """Return N^2 / sum n_u^2, at most N; 0 without a request."""
    if not requests:
        return 0.0
    return requests**2 / max(requests, (groups * squares - requests**2) / (groups - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class UserCounts:
    """Failures by groups of users of one arm: `before` a comparison, and `during` it."""

    before: Spread
    during: Spread


def later(known: UserCounts | None, now: UserCounts) -> UserCounts:
    """Return what is known after another look. Sums that fell were counted anew: the fullest of those before them are
    the past from then on.
    """
    if known is None:
        return now
    pasts = [now.before, known.before]
    if now.during.requests < known.during.requests:
        pasts.append(known.during)
    return UserCounts(before=max(pasts, key=lambda past: past.requests), during=now.during)


def user_excess(users: UserCounts | None, requests: int) -> float:
    """Return by how much clustering by user raises the dispersion after so many `requests` of both arms."""
    if users is None:
        return 0.0
    grown = requests / users.before.requests if users.before.requests else 0.0
    return max(users.before.excess(grown, SURE_BEFORE), users.during.excess(1.0))


def distance(one: Sequence[int], total: int, other: Sequence[int], other_total: int) -> float:
    """Return the sum over users of the squared difference of their parts of two windows, from requests by group.

    `total` of each window are all its requests: those without a user are each a user of their own.
    """
    groups = len(one)
    apart = [n / total - m / other_total for n, m in zip(one, other, strict=True)]
    mean = math.fsum(apart) / groups
    between = math.fsum((d - mean) ** 2 for d in apart) * groups / (groups - 1)
    return max(between, 1 / total + 1 / other_total)
