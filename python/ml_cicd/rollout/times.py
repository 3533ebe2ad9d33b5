"""How long answers took: their number by the bucket that their time falls into, in milliseconds.

A bucket is named by its lower bound; it ends where the next one begins. From 10 ms on there are 24 in each tenfold (the
series E24), so that neighbours are about 10 % apart. A metric source may fill fewer of them.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_cicd.ground.errors import InputError
from ml_cicd.stats.sequential import Counts

E24 = (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91)
TENFOLDS = (1, 10, 100, 1000)
BOUNDS: tuple[int, ...] = (*range(10), *(bound * tenfold for tenfold in TENFOLDS for bound in E24))
MEDIAN, SLOW = 0.5, 0.95

Buckets = Mapping[int, int]


def bucket_of(milliseconds: int) -> int:
    """Return the bucket that a time falls into; the last one has no end."""
    return BOUNDS[bisect_right(BOUNDS, max(0, milliseconds)) - 1]


def grown(before: Buckets | None, now: Buckets | None) -> Buckets | None:
    """Return what was added between two readings; None where one of them has no times, or a number fell."""
    if before is None or now is None or any(now.get(bound, 0) < count for bound, count in before.items()):
        return None
    added = {bound: count - before.get(bound, 0) for bound, count in now.items()}
    return {bound: count for bound, count in added.items() if count}


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """What both arms answered: (the candidate's, the champion's) numbers by bucket. Empty where nobody measured.

    `users` is how many equally active users the candidate's requests of this rollout are worth; None where each request
    stands for itself.
    """

    buckets: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    users: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        wrong = self.users is not None and not 0 <= self.users < math.inf
        if wrong or any(bound < 0 or min(pair) < 0 for bound, pair in self.buckets.items()):
            raise InputError(f"{self} does not add up.", cure="Check the metric source.")

    @property
    def answers(self) -> tuple[int, int]:
        """How many answers of the candidate and of the champion were timed."""
        return sum(c for c, _ in self.buckets.values()), sum(b for _, b in self.buckets.values())


def times_of(candidate: Buckets | None, champion: Buckets | None, *, users: float | None = None) -> Times:
    """Put both arms together; nothing where one of them was not timed."""
    if candidate is None or champion is None:
        return Times()
    bounds = sorted({*candidate, *champion})
    return Times(buckets={bound: (candidate.get(bound, 0), champion.get(bound, 0)) for bound in bounds}, users=users)


def both(one: Times, other: Times) -> Times:
    """Add what was seen in two windows."""
    bounds = sorted({*one.buckets, *other.buckets})
    pairs = {bound: (one.buckets.get(bound, (0, 0)), other.buckets.get(bound, (0, 0))) for bound in bounds}
    sums = {bound: (p[0] + q[0], p[1] + q[1]) for bound, (p, q) in pairs.items()}
    return Times(buckets=sums, users=other.users)


class Slower:
    """How many answers took at least so long, asked for many bounds."""

    def __init__(self, times: Times) -> None:
        """Add up from the slowest."""
        self._bounds = sorted(times.buckets)
        candidate, champion = 0, 0
        sums = [(0, 0)]
        for bound in reversed(self._bounds):
            candidate += times.buckets[bound][0]
            champion += times.buckets[bound][1]
            sums.append((candidate, champion))
        self._sums = sums[::-1]

    def than(self, candidate: int, champion: int) -> Counts:
        """Count the candidate's answers that took `candidate` ms or more, and the champion's by a bound of its own."""
        nc, nb = self._sums[0]
        xc = self._sums[bisect_left(self._bounds, candidate)][0]
        xb = self._sums[bisect_left(self._bounds, champion)][1]
        return Counts(nc=nc, xc=xc, nb=nb, xb=xb)


def arms(times: Times) -> tuple[Buckets, Buckets]:
    """Return the candidate's numbers and the champion's."""
    pairs = times.buckets.items()
    return {bound: pair[0] for bound, pair in pairs}, {bound: pair[1] for bound, pair in pairs}


def quantile(numbers: Buckets, share: float) -> tuple[int, int] | None:
    """Return the bucket, from and to in ms, that holds a quantile; nothing without an answer, to 0 for the last one."""
    needed, found = share * sum(numbers.values()), 0
    for bound in sorted(numbers):
        found += numbers[bound]
        if numbers[bound] and found >= needed:
            after = bisect_right(BOUNDS, bound)
            return bound, BOUNDS[after] if after < len(BOUNDS) else 0
    return None


def span(numbers: Buckets, share: float) -> str:
    """Return the bucket of a quantile for people, e.g. `390-430 ms`."""
    found = quantile(numbers, share)
    if found is None:
        return "none"
    low, high = found
    return f"{low}-{high} ms" if high else f"{low} ms or more"
