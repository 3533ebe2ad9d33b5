"""The rollout as a fold over observations and a table of rules: the same observations give the same decision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from ml_cicd.domain.config import CanaryConfig, CanaryInconclusive
from ml_cicd.domain.rollout import LAPSED, WHOLE, Counters, Counts, Decision, Observation
from ml_cicd.stats.sequential import (
    MarginState,
    MarginTest,
    RateState,
    RateTest,
    margin_log_e,
    margin_update,
    rate_log_e,
    rate_update,
    requests_for_margin,
    sample_ratio_log_e,
)

LOOKS_PER_STEP = 3
MISMATCH_LOG_E = 6.907755278982137  # log 1000
WIDEST_MARGIN = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a rollout is held to. Steps in 1/100 %, margins absolute and one for each step, times in seconds."""

    steps: tuple[int, ...]
    margins: tuple[float, ...]
    harm: RateTest
    safety: tuple[MarginTest, ...]
    warm_up: float
    minimum_duration: float
    minimum_requests: int
    deadline: float
    when_inconclusive: CanaryInconclusive


def make_plan(config: CanaryConfig, *, deadline: float) -> Plan:
    """Return the plan: the last step is held to the configured margin, each step before it to twice the next one's."""
    last = len(config.steps) - 1
    margins = tuple(min(WIDEST_MARGIN, config.error_margin * 2 ** (last - i)) for i in range(last + 1))
    return Plan(
        steps=config.steps,
        margins=margins,
        harm=RateTest(alpha=config.false_rollback_rate),
        safety=tuple(MarginTest(alpha=config.false_promotion_rate, margin=m) for m in margins),
        warm_up=config.warm_up,
        minimum_duration=config.minimum_duration,
        minimum_requests=config.minimum_requests,
        deadline=deadline,
        when_inconclusive=config.when_inconclusive,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that was learnt from the observations so far."""

    harm: RateState
    safety: tuple[MarginState, ...]
    served: Counts
    per_step: Mapping[int, tuple[int, int]]
    looks: Mapping[int, int]
    at: float = 0.0


def no_evidence(plan: Plan) -> Evidence:
    """Return the evidence before the first look."""
    return Evidence(
        harm=RateState(),
        safety=tuple(MarginState() for _ in plan.safety),
        served=Counts(nc=0, xc=0, nb=0, xb=0),
        per_step={},
        looks={},
    )


def take_in(plan: Plan, evidence: Evidence, seen: Observation) -> Evidence:
    """Add one observation; what falls into the warm-up is recorded and served, but proves nothing.

    What was counted after the lease had ended (step `LAPSED`) can only show harm.
    """
    counts, step = seen.counts, seen.step
    served = Counts(
        nc=evidence.served.nc + counts.nc,
        xc=evidence.served.xc + counts.xc,
        nb=evidence.served.nb + counts.nb,
        xb=evidence.served.xb + counts.xb,
    )
    if seen.at <= plan.warm_up:
        return replace(evidence, served=served, at=seen.at)
    if step == LAPSED:
        return replace(evidence, harm=rate_update(plan.harm, evidence.harm, counts), served=served, at=seen.at)
    candidate, total = evidence.per_step.get(step, (0, 0))
    return Evidence(
        harm=rate_update(plan.harm, evidence.harm, counts),
        safety=tuple(margin_update(t, s, counts) for t, s in zip(plan.safety, evidence.safety, strict=True)),
        served=served,
        per_step={**evidence.per_step, step: (candidate + counts.nc, total + counts.nc + counts.nb)},
        looks={**evidence.looks, step: evidence.looks.get(step, 0) + 1},
        at=seen.at,
    )


def replay(plan: Plan, observations: tuple[Observation, ...]) -> Evidence:
    """Return the evidence of recorded observations."""
    return reduce(lambda evidence, seen: take_in(plan, evidence, seen), observations, no_evidence(plan))


def mismatch_log_e(plan: Plan, evidence: Evidence) -> float:
    """Return the log evidence that traffic is not split as written; steps multiply."""
    return sum(
        sample_ratio_log_e(candidate, total, plan.steps[step] / WHOLE)
        for step, (candidate, total) in evidence.per_step.items()
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One moment at which to decide. `elapsed` in seconds since the rollout began."""

    plan: Plan
    evidence: Evidence
    step: int
    elapsed: float

    @property
    def harmful(self) -> bool:
        """Evidence that the candidate fails more."""
        return self.evidence.harm.rejected

    @property
    def late(self) -> bool:
        """The deadline has passed."""
        return self.elapsed >= self.plan.deadline

    @property
    def mismatched(self) -> bool:
        """Traffic is not split as written, so nothing may be concluded from it."""
        return mismatch_log_e(self.plan, self.evidence) >= MISMATCH_LOG_E

    @property
    def settled(self) -> bool:
        """The step's margin is established after at least three looks."""
        enough = self.evidence.looks.get(self.step, 0) >= LOOKS_PER_STEP
        return enough and margin_log_e(self.evidence.safety[self.step]) >= self.plan.safety[self.step].cap

    @property
    def ripe(self) -> bool:
        """Last step, long enough, and enough requests."""
        plan = self.plan
        return (
            self.step == len(plan.steps) - 1
            and self.elapsed >= plan.minimum_duration
            and self.evidence.served.nc >= plan.minimum_requests
        )

    @property
    def at_last_step(self) -> bool:
        """Whether no step is left to advance to."""
        return self.step == len(self.plan.steps) - 1

    @property
    def may_promote_late(self) -> bool:
        """Promotion at the deadline: only when asked for, and never without traffic or on a mismatch."""
        wanted = self.plan.when_inconclusive is CanaryInconclusive.PROMOTE
        return wanted and not self.mismatched and self.evidence.served.nc >= self.plan.minimum_requests


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One row of the table: the first whose condition holds decides."""

    when: Callable[[Look], bool]
    decision: Decision
    reason: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        when=lambda look: look.harmful,
        decision=Decision.ROLLBACK,
        reason="the candidate fails more often than the champion",
    ),
    Transition(
        when=lambda look: look.settled and look.ripe and not look.mismatched,
        decision=Decision.PROMOTE,
        reason="not worse than the champion by more than the margin",
    ),
    Transition(
        when=lambda look: look.late and look.may_promote_late,
        decision=Decision.PROMOTE,
        reason="deadline reached without a verdict; the configuration promotes",
    ),
    Transition(
        when=lambda look: look.late and look.plan.when_inconclusive is CanaryInconclusive.HOLD,
        decision=Decision.INCONCLUSIVE,
        reason="deadline reached without a verdict; all traffic is back at the champion",
    ),
    Transition(
        when=lambda look: look.late,
        decision=Decision.ROLLBACK,
        reason="deadline reached without enough evidence to promote",
    ),
    Transition(
        when=lambda look: look.mismatched,
        decision=Decision.HOLD,
        reason="the observed share is not the one written to the router",
    ),
    Transition(
        when=lambda look: look.settled and not look.at_last_step,
        decision=Decision.ADVANCE,
        reason="not worse by more than this step's margin",
    ),
    Transition(when=lambda _: True, decision=Decision.HOLD, reason="evidence is still being collected"),
)


def decide(look: Look) -> Transition:
    """Return the first row of the table that holds."""
    return next(row for row in TRANSITIONS if row.when(look))


def difference(
    before: Mapping[str, Counters] | None, now: Mapping[str, Counters], slots: tuple[str, str]
) -> tuple[Counts | None, Mapping[str, Counters]]:
    """Return what (candidate, champion) served between two readings, and the reading that the next one starts from.

    No counts where there is no earlier reading. A new epoch, or a counter that fell, means that it started from zero.
    Failures beyond requests (two counters read a moment apart) are carried over to the next look.
    """
    if before is None or any(slot not in before or slot not in now for slot in slots):
        return None, now
    pairs = []
    base = dict(now)
    for slot in slots:
        requests, errors = _growth(before[slot], now[slot])
        excess = max(0, errors - requests)
        base[slot] = replace(now[slot], errors=now[slot].errors - excess)
        pairs.append((requests, errors - excess))
    (nc, xc), (nb, xb) = pairs
    return Counts(nc=nc, xc=xc, nb=nb, xb=xb), base


def _growth(before: Counters, now: Counters) -> tuple[int, int]:
    restarted = before.epoch != now.epoch or now.requests < before.requests or now.errors < before.errors
    if restarted:
        return now.requests, now.errors
    return now.requests - before.requests, now.errors - before.errors


def forecast(plan: Plan, rate: float) -> tuple[int, ...]:
    """Return about how many candidate requests each step needs when both arms fail at `rate`."""
    return tuple(
        requests_for_margin(rate, margin, step / WHOLE, test.alpha)
        for step, margin, test in zip(plan.steps, plan.margins, plan.safety, strict=True)
    )


def evidence_words(plan: Plan, evidence: Evidence, step: int) -> str:
    """Say how far both tests are, as percentages of what they need."""
    harm = max(0.0, rate_log_e(plan.harm, evidence.harm)) / plan.harm.cap
    safe = max(0.0, margin_log_e(evidence.safety[step])) / plan.safety[step].cap
    return f"evidence of harm {min(harm, 1):.0%}, of safety {min(safe, 1):.0%}"
