"""The guardrail `latency`: answers that take longer, wherever in the distribution that shows.

For each of some bounds the candidate's answers that took `times` as long as the bound, or longer, are held against the
champion's that took as long as the bound: answers that are up to `times` as slow never count against it, and from 10 ms
on those that are half as slow again cross a bound, wherever they lie. Nor do some milliseconds (`at_least_ms`): a busy
machine doubles one or two. A quarter more slow ones are tolerated besides
(`TOLERATED`): a stall more now and then is found in any large sample. Each bound has a rate test of its own, and their
e-values are averaged. Users who stay with one slot differ in what they ask for: the fewer the candidate has, the slower
it may be by their doing alone (`DIFFER`). It needs a metric source that measures times; with another one it proves
nothing, good or bad.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from ml_cicd.rollout.guardrail import Blind, Guardrail, Levels, Proves, Window
from ml_cicd.rollout.guardrails.counted import COLLAPSED, HarmEvidence, HarmTest, harm_of, harm_taken_in, harm_test
from ml_cicd.rollout.times import E24, MEDIAN, SLOW, TENFOLDS, Slower, Times, arms, span, times_of
from ml_cicd.settings import number, setting
from ml_cicd.stats.sequential import Counts, chance_of_as_many, combine_log_e

TESTED = (*range(1, 10), *(bound * tenfold for tenfold in TENFOLDS for bound in E24[::2]))
TOLERATED = 1.25  # times the odds of being slow
DIFFER = 0.6  # standard deviation of the log of a user's usual time: a third of them ask for 1.8 times more, or less
SURE = 3.0  # standard errors
IMPLAUSIBLE = 0.001
NOTABLE = 1.25
MOST = 200
BLIND = Blind(
    what="latency is not watched: the metric source measures no times",
    cure="with HAProxy, add what examples/haproxy/haproxy.cfg.template says of times to its configuration",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyEvidence:
    """Evidence of harm at each bound; whether the last look with an answer of the candidate's was slower than chance
    explains; and how many times as long is put down to its users.
    """

    bounds: tuple[HarmEvidence, ...] = (HarmEvidence(),) * len(TESTED)
    slow: bool = False
    allowance: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyGuardrail:
    """It has no margin to prove; but nothing goes on while the last look was slower than chance explains."""

    harm: HarmTest
    times: float
    at_least_ms: int
    margins: tuple[float, ...] = ()
    name: str = "latency"
    harm_words: str = "the candidate answers more slowly than the champion"
    nothing: Times = Times()  # noqa: RUF009  # frozen

    def start(self) -> LatencyEvidence:
        """Return the evidence before the first look."""
        return LatencyEvidence()

    def reading(self, candidate: Window, champion: Window) -> Times:
        """Return both arms' times."""
        return times_of(candidate.times, champion.times, users=candidate.worth)

    def blind(self, seen: Times, requests: int) -> Blind | None:
        """Say it where requests ended and no answer was timed."""
        return BLIND if requests and not seen.buckets else None

    def take_in(self, evidence: LatencyEvidence, reading: Times, proves: Proves) -> LatencyEvidence:
        """Add one reading, at each bound. One that warms up may be five times as slow."""
        if not reading.buckets:
            return evidence
        allowance = by_users(reading.users)
        warm = COLLAPSED if proves is Proves.COLLAPSE else 1.0
        counts = tuple(self._at_each_bound(reading, warm * allowance))
        pairs = zip(evidence.bounds, counts, strict=True)
        bounds = tuple(harm_taken_in(self.harm, bound, seen, proves) for bound, seen in pairs)
        # One that no longer answers is no faster for that.
        slow = any(map(_implausible, counts)) if reading.answers[0] else evidence.slow
        return LatencyEvidence(bounds=bounds, slow=slow, allowance=allowance)

    def _at_each_bound(self, reading: Times, more: float) -> Iterator[Counts]:
        slower = Slower(reading)
        for bound in TESTED:
            yield slower.than(max(math.ceil(bound * self.times * more), bound + self.at_least_ms), bound)

    def harm_log_e(self, evidence: LatencyEvidence) -> float:
        """Return the log evidence of harm: the average over the bounds."""
        return combine_log_e([harm_of(self.harm, bound) for bound in evidence.bounds], [1 / len(TESTED)] * len(TESTED))

    def safety(self, evidence: LatencyEvidence, step: int) -> float:
        """Return 1 unless the last look was slower than chance explains."""
        del step
        return 0.0 if evidence.slow else 1.0

    def requests_needed(self, step: int, rate: float) -> int:
        """Return 0: it asks for none."""
        del step, rate
        return 0

    def remark(self, evidence: LatencyEvidence) -> str:
        """Say what holds the rollout, that slow answers come in bursts, and what is put down to few users."""
        held = ("the candidate's last answers were slower than chance explains",) if evidence.slow else ()
        most = max(evidence.bounds, key=lambda bound: harm_of(self.harm, bound))
        phi = most.dispersion.phi if harm_of(self.harm, most) > 0 else 1.0
        bursts = (f"slow answers come in bursts, so the evidence counts {phi:.1f} times less",) if phi > 1 else ()
        times = self.times * evidence.allowance
        few = (f"it has few users, so up to {times:.1f} times as long is put down to them",)
        return "; ".join((*held, *bursts, *(few if evidence.allowance > NOTABLE else ())))

    def served_words(self, served: Times, candidate: str, champion: str) -> str:
        """Say how long both took, as far as buckets tell."""
        if not served.buckets:
            return "answers were not timed"
        one, other = arms(served)
        return (
            f"version {candidate} took {span(one, MEDIAN)} (95 %: {span(one, SLOW)}), "
            f"version {champion} {span(other, MEDIAN)} (95 %: {span(other, SLOW)})"
        )


def by_users(users: float | None) -> float:
    """Return how many times as long so few users may take by chance; 1 where requests stand for themselves."""
    return 1.0 if users is None else math.exp(SURE * DIFFER / math.sqrt(max(1.0, users)))


def _implausible(counts: Counts) -> bool:
    """Whether chance alone hardly gives as many slow ones of the candidate's, at any of the bounds."""
    if counts.xc * counts.nb <= counts.xb * counts.nc:
        return False
    return chance_of_as_many(counts, MOST) < IMPLAUSIBLE / len(TESTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencySettings:
    """Settings of the guardrail."""

    weight: ClassVar[float] = 1.0
    times: float = setting(
        number(above=1, most=1000), "How many times as long the candidate may take to answer.", default=1.15
    )

    at_least_ms: int = setting(
        number(whole=True, least=0, most=60_000), "Fewer milliseconds are no difference.", default=4
    )

    def named(self) -> dict[str, object]:
        """Return what decides, by name, for the digest of the plan."""
        return {"times": self.times, "at_least_ms": self.at_least_ms}

    def guardrail(self, levels: Levels) -> Guardrail:
        """Build it: each bound stops at its part of the false rollbacks."""
        harm = harm_test(levels.harm_alpha / len(TESTED), TOLERATED)
        # Cheaper than it could be: so many tests of counts that are near half of all requests.
        # A machine that stands still makes all answers of a moment slow, however many: that is one burst.
        cheap = HarmTest(
            collapse=replace(harm.collapse, boost=False, most=MOST),
            worse=replace(harm.worse, boost=False, most=MOST),
            outage=math.inf,
        )
        return LatencyGuardrail(harm=cheap, times=self.times, at_least_ms=self.at_least_ms)
