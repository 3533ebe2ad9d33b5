"""Simulated traffic for `canary_error_rates.py`: what both arms serve between two looks."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ml_cicd.rollout.users import PARTS
from ml_cicd.stats.users import GROUPS, Spread, UserCounts

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
DAY_LOOKS = 480
INCIDENTS, INCIDENT_LOOKS, INCIDENT_TIMES = 3, 20, 10.0
BAD_SHARE, BAD_RATE = 0.05, 0.2  # heterogeneous users: so many of them fail so often
SESSION_LOOKS = 20


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What is simulated: `worse` is what the candidate's failure rate has more than the champion's `rate`.

    `history` are the requests before the rollout. `blind`: the source knows no users. `fault`: after so many looks the
    share is so many times what is written.
    """

    stream: str
    requests: int
    rate: float
    worse: float
    burst: float
    cold_looks: int
    users: int
    activity: str
    failures: str
    looks: int
    history: int = 0
    blind: bool = False
    fault: tuple[int, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Served:
    """Requests and failures of candidate (c) and champion (b) in one look.

    `users` and `groups` are what a metric source tells of users so far; nothing where it knows none.
    """

    nc: int
    xc: int
    nb: int
    xb: int
    users: UserCounts | None = None
    groups: tuple[int, ...] = ()


class Stream(Protocol):
    """Traffic of one rollout; `users` were seen before it, 0 where nobody knows."""

    @property
    def users(self) -> float:
        """How many equally active users were seen before the rollout."""

    def look(self, share: float, look: int) -> Served:
        """Serve one look's requests, of which the candidate has a share."""


@dataclass(kw_only=True)
class Anonymous:
    """Each request falls to an arm by itself; `rates` says how often either fails at a look."""

    rng: np.random.Generator
    traffic: Traffic
    rates: Callable[[int], tuple[float, float]]
    burst: float = 1.0
    users: float = 0.0

    def look(self, share: float, look: int) -> Served:
        """Serve one look's requests."""
        nc = int(self.rng.binomial(self.traffic.requests, share))
        nb = self.traffic.requests - nc
        candidate, champion = self.rates(look)
        return Served(nc=nc, xc=self._failures(nc, candidate), nb=nb, xb=self._failures(nb, champion))

    def _failures(self, requests: int, rate: float) -> int:
        bursts = int(self.rng.binomial(requests, min(1.0, rate / self.burst)))
        if self.burst == 1.0 or not bursts:
            return bursts
        return min(requests, int(self.rng.geometric(1 / self.burst, bursts).sum()))


def steady(traffic: Traffic) -> Callable[[int], tuple[float, float]]:
    """Return rates that stay as they are."""
    return lambda _: (traffic.rate + traffic.worse, traffic.rate)


def drifting(traffic: Traffic, rng: np.random.Generator) -> Callable[[int], tuple[float, float]]:
    """Return rates that go up and down by 70 % within two hours, with incidents that hit both arms."""
    phase = rng.random() * 2 * math.pi
    begins = [int(found) for found in rng.integers(0, max(1, traffic.looks), INCIDENTS)]

    def rates(look: int) -> tuple[float, float]:
        times = 1 + 0.7 * math.sin(phase + 2 * math.pi * look / DAY_LOOKS)
        if any(begin <= look < begin + INCIDENT_LOOKS for begin in begins):
            times *= INCIDENT_TIMES
        rate = min(0.5, traffic.rate * times)
        return rate + traffic.worse, rate

    return rates


def cold(traffic: Traffic) -> Callable[[int], tuple[float, float]]:
    """Return rates of a candidate that fails five times as often while it is cold."""

    def rates(look: int) -> tuple[float, float]:
        return (5 if look <= traffic.cold_looks else 1) * traffic.rate + traffic.worse, traffic.rate

    return rates


@dataclass(kw_only=True)
class UserGroups:
    """Requests and failures by group, as the product sums them."""

    requests: Ints = field(default_factory=lambda: np.zeros(GROUPS, dtype=np.int64))
    failures: Ints = field(default_factory=lambda: np.zeros(GROUPS, dtype=np.int64))

    def add(self, groups: Ints, failed: Bools) -> None:
        """Count requests of these groups."""
        self.requests += np.bincount(groups, minlength=GROUPS)
        self.failures += np.bincount(groups[failed], minlength=GROUPS)

    def spread(self) -> Spread:
        """Return the sums."""
        n, x = self.requests, self.failures
        return Spread(
            requests=int(n.sum()),
            squares=int((n * n).sum()),
            failures=int(x.sum()),
            products=int((n * x).sum()),
            failure_squares=int((x * x).sum()),
        )


@dataclass(kw_only=True)
class Sticky:
    """Each user falls to an arm, and stays there. In sessions, users come and go all the time."""

    rng: np.random.Generator
    traffic: Traffic
    weights: Floats = field(init=False)
    rates: Floats = field(init=False)
    places: Floats = field(init=False)
    groups: Ints = field(init=False)
    before: UserGroups = field(init=False)
    during: UserGroups = field(init=False)
    candidates: Ints = field(init=False)

    def __post_init__(self) -> None:
        """Draw the users."""
        count = self.traffic.users
        activity = 1.0 / np.arange(1, count + 1) if self.traffic.activity == "zipf" else np.ones(count)
        self.weights = np.cumsum(activity / activity.sum())
        self.rates, self.places, self.groups = np.empty(count), np.empty(count), np.empty(count, dtype=np.int64)
        self._renew(np.arange(count))
        self.before, self.during = UserGroups(), UserGroups()
        self.candidates = np.zeros(GROUPS, dtype=np.int64)
        for _ in range(self.traffic.history // self.traffic.requests):
            who, _, failed = self._serve(0.0)
            self.before.add(self.groups[who], failed)

    def _renew(self, who: Ints) -> None:
        """Put new users in the place of some."""
        count = len(who)
        self.places[who] = self.rng.random(count)
        self.groups[who] = self.rng.integers(0, GROUPS, count)
        self.rates[who] = self.traffic.rate
        if self.traffic.failures == "heterogeneous":
            rest = (self.traffic.rate - BAD_SHARE * BAD_RATE) / (1 - BAD_SHARE)
            self.rates[who] = np.where(self.rng.random(count) < BAD_SHARE, BAD_RATE, max(0.0, rest))

    def _serve(self, share: float) -> tuple[Ints, Bools, Bools]:
        """Return who sent each request, whether it went to the candidate, and whether it failed."""
        if self.traffic.activity == "sessions":
            self._renew(np.flatnonzero(self.rng.random(self.traffic.users) < 1 / SESSION_LOOKS))
        drawn = np.searchsorted(self.weights, self.rng.random(self.traffic.requests), side="right")
        who = np.minimum(drawn, self.traffic.users - 1)
        candidate = self.places[who] < share
        failed = self.rng.random(len(who)) < self.rates[who] + np.where(candidate, self.traffic.worse, 0.0)
        return who, candidate, failed

    def look(self, share: float, look: int) -> Served:
        """Serve one look's requests."""
        if self.traffic.fault is not None and look > self.traffic.fault[0]:
            share *= self.traffic.fault[1]
        who, candidate, failed = self._serve(share)
        nc, xc = int(candidate.sum()), int((candidate & failed).sum())
        served = Served(nc=nc, xc=xc, nb=len(who) - nc, xb=int(failed.sum()) - xc)
        if self.traffic.blind:
            return served
        self.during.add(self.groups[who[~candidate]], failed[~candidate])
        self.candidates += np.bincount(self.groups[who[candidate]], minlength=GROUPS)
        users = UserCounts(before=self.before.spread(), during=self.during.spread())
        parts = (self.during.requests + self.candidates).reshape(-1, PARTS).sum(axis=0)
        return replace(served, users=users, groups=tuple(parts.tolist()))

    @property
    def users(self) -> float:
        """How many users were seen before the rollout."""
        return self.before.spread().users


def make_stream(traffic: Traffic, rng: np.random.Generator) -> Stream:
    """Return the traffic of one rollout."""
    if traffic.stream == "sticky":
        return Sticky(rng=rng, traffic=traffic)
    if traffic.stream == "drifting":
        return Anonymous(rng=rng, traffic=traffic, rates=drifting(traffic, rng))
    if traffic.stream == "cold-start":
        return Anonymous(rng=rng, traffic=traffic, rates=cold(traffic))
    burst = traffic.burst if traffic.stream == "bursty" else 1.0
    return Anonymous(rng=rng, traffic=traffic, rates=steady(traffic), burst=burst)
