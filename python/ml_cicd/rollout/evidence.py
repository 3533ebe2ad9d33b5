"""A rollout as a fold over observations and a table of rules: the same observations give the same decision."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from ml_cicd.ground.errors import EvidenceError
from ml_cicd.rollout.guardrail import Proves
from ml_cicd.rollout.plan import Plan
from ml_cicd.rollout.settings import WhenInconclusive
from ml_cicd.rollout.share import StepShare, Window, add_look, begun
from ml_cicd.rollout.state import LAPSED, WHOLE, Decision, Observation, Reading
from ml_cicd.rollout.times import Times, both
from ml_cicd.stats.sequential import NEARLY, Counts, combine_log_e, sample_ratio_log_e

LOOKS_PER_STEP = 3
MISMATCH_LOG_E = math.log(1000)
STARVED_REQUESTS, STARVED_PART, FEW_USERS = 100, 0.25, 10.0
QUIET = Counts(nc=0, xc=0, nb=0, xb=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that was learnt from the observations so far.

    Attributes:
        guards: each guardrail's own evidence, by name.
        served: each guardrail's readings so far, by name, the warm-up's included.
        requests: those of candidate and champion so far, the warm-up's included.
        per_step: requests of (the candidate, both) by step.
        looks: looks by step.
        served_to: all that was served until the last look, by groups of users where the source tells them.
        shares: the share by step, where the source tells groups.
    """

    guards: Mapping[str, Any]
    served: Mapping[str, Reading]
    per_step: Mapping[int, tuple[int, int]]
    looks: Mapping[int, int]
    served_to: Window = Window()  # noqa: RUF009  # frozen
    shares: Mapping[int, StepShare] = field(default_factory=dict)
    at_seconds: float = 0.0
    requests: tuple[int, int] = (0, 0)


def no_evidence(plan: Plan) -> Evidence:
    """Return the evidence before the first look."""
    return Evidence(
        guards={guard.name: guard.start() for guard in plan.guardrails},
        served={guard.name: guard.nothing for guard in plan.guardrails},
        per_step={},
        looks={},
    )


def take_in(plan: Plan, evidence: Evidence, seen: Observation) -> Evidence:
    """Add one observation. In the warm-up only a collapse is evidence; what was counted after the lease had ended (step
    `LAPSED`) can only show harm.
    """
    served = {name: added(evidence.served[name], reading) for name, reading in seen.readings.items()}
    proves = Proves.HARM if seen.step == LAPSED else Proves.ALL
    if seen.at_seconds <= plan.warm_up_seconds:
        proves = Proves.COLLAPSE
    guards = {
        guard.name: guard.take_in(evidence.guards[guard.name], seen.readings[guard.name], proves)
        for guard in plan.guardrails
    }
    nc, nb = seen.ended
    requests = (evidence.requests[0] + nc, evidence.requests[1] + nb)
    past = evidence.served_to
    groups = seen.groups or past.groups
    now = Window(candidate=past.candidate + nc, total=past.total + nc + nb, groups=groups)
    seen_so_far = replace(
        evidence, served=served, requests=requests, guards=guards, served_to=now, at_seconds=seen.at_seconds
    )
    if proves is not Proves.ALL:  # a step that was interrupted begins anew: nothing of it is compared across the gap
        return replace(seen_so_far, shares={} if proves is Proves.HARM else evidence.shares)
    shares = evidence.shares
    if not now.follows(past):  # the router was restarted: what it counted of users before is gone
        past, shares = replace(past, groups=()), {}
    if seen.groups:
        shares = {**shares, seen.step: add_look(shares.get(seen.step, begun(past)), now)}
    candidate, total = evidence.per_step.get(seen.step, (0, 0))
    return replace(
        seen_so_far,
        shares=shares,
        per_step={**evidence.per_step, seen.step: (candidate + nc, total + nc + nb)},
        looks={**evidence.looks, seen.step: evidence.looks.get(seen.step, 0) + 1},
    )


def added(one: Reading, other: Reading) -> Reading:
    """Add two readings of one guardrail.

    Raises:
        EvidenceError: they are of two kinds, so one of them is another guardrail's.
    """
    if isinstance(one, Times) and isinstance(other, Times):
        return both(one, other)
    if isinstance(one, Counts) and isinstance(other, Counts):
        return plus(one, other)
    raise EvidenceError("The looks are not of this plan.", cure="Give the configuration of that run.")


def plus(one: Counts, other: Counts) -> Counts:
    """Add what happened in two windows."""
    return Counts(nc=one.nc + other.nc, xc=one.xc + other.xc, nb=one.nb + other.nb, xb=one.xb + other.xb)


def replay(plan: Plan, observations: tuple[Observation, ...]) -> Evidence:
    """Return the evidence of recorded observations."""
    return reduce(lambda evidence, seen: take_in(plan, evidence, seen), observations, no_evidence(plan))


def harm_log_e(plan: Plan, evidence: Evidence) -> float:
    """Return the log evidence that the candidate is worse on any guardrail: the weighted average of their e-values."""
    logs = [guard.harm_log_e(evidence.guards[guard.name]) for guard in plan.guardrails]
    return combine_log_e(logs, plan.weights)


def is_harmful(plan: Plan, evidence: Evidence) -> bool:
    """Whether the evidence of harm has reached the level at which a candidate is rolled back."""
    return harm_log_e(plan, evidence) >= plan.harm_cap - NEARLY


def mismatch_log_e(plan: Plan, evidence: Evidence) -> float:
    """Return the log evidence that traffic is not split as written.

    Where requests fall to an arm each by itself, steps multiply; the same users are in all steps. Of them there is none
    yet where a step begins anew.
    """
    if evidence.shares or evidence.served_to.groups:
        return max((step.log_e(plan.steps[index] / WHOLE) for index, step in evidence.shares.items()), default=0.0)
    return sum(
        sample_ratio_log_e(candidate, total, plan.steps[step] / WHOLE)
        for step, (candidate, total) in evidence.per_step.items()
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One moment at which to decide. `elapsed_seconds` since the rollout began."""

    plan: Plan
    evidence: Evidence
    step: int
    elapsed_seconds: float

    @property
    def harmful(self) -> bool:
        """Evidence that the candidate is worse."""
        return is_harmful(self.plan, self.evidence)

    @property
    def harm_words(self) -> str:
        """Why, by the guardrail with the most evidence."""
        guards = self.evidence.guards
        weighed = zip(self.plan.guardrails, self.plan.weights, strict=True)
        return max(weighed, key=lambda pair: pair[0].harm_log_e(guards[pair[0].name]) + math.log(pair[1]))[0].harm_words

    @property
    def late(self) -> bool:
        """The deadline has passed."""
        return self.elapsed_seconds >= self.plan.deadline_seconds

    @property
    def mismatched(self) -> bool:
        """Traffic is not split as written, so nothing may be concluded from it."""
        changed = any(step.changed for step in self.evidence.shares.values())
        return changed or mismatch_log_e(self.plan, self.evidence) >= MISMATCH_LOG_E

    @property
    def starved(self) -> bool:
        """Hardly any user falls to the candidate at this share, so that waiting longer would not tell more.

        The next share is no larger a risk then than the plan allows: this step was to serve many more requests. Users
        whose requests hang are not missing.
        """
        share, step = self.plan.steps[self.step] / WHOLE, self.evidence.shares.get(self.step)
        if step is None or self.at_last_step or step.looks < LOOKS_PER_STEP or self.held:
            return False
        served = step.served
        due = share * served.total
        return due >= STARVED_REQUESTS and served.candidate < STARVED_PART * due and share * served.users < FEW_USERS

    @property
    def held(self) -> str:
        """What a guardrail without a margin holds the rollout for; nothing where none does."""
        found = ((guard, self.evidence.guards[guard.name]) for guard in self.plan.guardrails if not guard.margins)
        return next((guard.remark(seen) for guard, seen in found if guard.safety(seen, self.step) < 1), "")

    @property
    def settled(self) -> bool:
        """Every guardrail's margin of this step is proven, after at least three looks."""
        guards = self.evidence.guards
        enough = self.evidence.looks.get(self.step, 0) >= LOOKS_PER_STEP
        return enough and all(g.safety(guards[g.name], self.step) >= 1 for g in self.plan.guardrails)

    @property
    def ripe(self) -> bool:
        """Last step, long enough, and enough requests."""
        plan = self.plan
        return (
            self.at_last_step
            and self.elapsed_seconds >= plan.minimum_duration_seconds
            and self.evidence.requests[0] >= plan.minimum_requests
        )

    @property
    def at_last_step(self) -> bool:
        """Whether no step is left to advance to."""
        return self.step == self.plan.last_step

    @property
    def may_promote_late(self) -> bool:
        """Promotion at the deadline: only when asked for, and never without traffic, on a mismatch or while held."""
        wanted = self.plan.when_inconclusive is WhenInconclusive.PROMOTE and not self.held
        return wanted and not self.mismatched and self.evidence.requests[0] >= self.plan.minimum_requests


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One row of the table: the first whose condition holds decides. `words` may say it more exactly than `reason`."""

    when: Callable[[Look], bool]
    decision: Decision
    reason: str
    words: Callable[[Look], str] | None = None


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        when=lambda look: look.harmful,
        decision=Decision.ROLLBACK,
        reason="the candidate is worse than the champion on a guardrail",
        words=lambda look: look.harm_words,
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
        when=lambda look: look.late and look.mismatched,
        decision=Decision.INCONCLUSIVE,
        reason="deadline reached, and the observed share is not the one written to the router (mismatch)",
    ),
    Transition(
        when=lambda look: look.late,
        decision=Decision.INCONCLUSIVE,
        reason="deadline reached before the evidence could tell; nothing speaks against the candidate",
        words=lambda look: f"deadline reached, and {look.held}" if look.held else "",
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
    Transition(
        when=lambda look: look.starved,
        decision=Decision.ADVANCE,
        reason="hardly any user falls to the candidate at this share, which can tell nothing",
    ),
    Transition(when=lambda _: True, decision=Decision.HOLD, reason="evidence is still being collected"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What a look leads to, and why."""

    decision: Decision
    reason: str

    @property
    def ends(self) -> bool:
        """Whether it ends the rollout."""
        return self.decision not in {Decision.HOLD, Decision.ADVANCE}


def decide(look: Look) -> Decided:
    """Return what the first row of the table that holds says."""
    row = next(row for row in TRANSITIONS if row.when(look))
    return Decided(decision=row.decision, reason=(row.words(look) if row.words else "") or row.reason)
