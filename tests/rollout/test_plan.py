"""The plan: what decides is named, and several guardrails share what may go wrong."""

import math
from dataclasses import dataclass, fields, replace

import pytest

from ml_cicd.rollout.evidence import Evidence, Look, decide, harm_log_e, is_harmful, no_evidence, take_in
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.refusals import RefusalsSettings
from ml_cicd.rollout.plan import Plan, make_plan, plan_digest
from ml_cicd.rollout.settings import CanarySettings, WhenInconclusive
from ml_cicd.rollout.sources.haproxy import Settings
from ml_cicd.rollout.state import Decision, Observation
from ml_cicd.settings import Chosen, number, setting
from ml_cicd.stats.sequential import Counts
from tests.fakes.world import CANARY

TWO = replace(CANARY, guardrails={"errors": ErrorsSettings(margin=0.05), "refusals": RefusalsSettings(margin=0.05)})
CHANGES: dict[str, object] = {
    "steps": (100,),
    "guardrails": {"errors": ErrorsSettings(margin=0.4)},
    "false_rollback_rate": 0.01,
    "false_promotion_rate": 0.01,
    "warm_up": 1.0,
    "minimum_duration": 1.0,
    "minimum_requests": 1,
    "when_inconclusive": WhenInconclusive.HOLD,
}
DECIDES_NOTHING: dict[str, object] = {"deadline": 7.0, "interval": 1.0, "lease": 90.0}


@pytest.mark.parametrize("name", CHANGES)
def test_what_decides_is_in_the_digest(name: str) -> None:
    """Evidence that was collected under other rules decides nothing."""
    changed = replace(CANARY, **{name: CHANGES[name]})  # type: ignore[arg-type]
    assert plan_digest(changed, None) != plan_digest(CANARY, None)


@pytest.mark.parametrize("name", DECIDES_NOTHING)
def test_what_decides_nothing_is_not(name: str) -> None:
    """How often one looks does not stop a running rollout, and it keeps the deadline that it began with."""
    changed = replace(CANARY, **{name: DECIDES_NOTHING[name]})  # type: ignore[arg-type]
    assert plan_digest(changed, None) == plan_digest(CANARY, None)


def test_who_counts_the_requests_decides() -> None:
    """A rollout does not go on with another source's numbers; where none is written, nothing has changed."""
    sources = [None, *(Chosen("haproxy", Settings(socket=path)) for path in ("/run/a.sock", "/run/b.sock"))]
    digests = [plan_digest(CANARY, metrics) for metrics in sources]
    assert len(set(digests)) == 3
    assert digests == [plan_digest(CANARY, metrics) for metrics in sources]


def test_every_setting_is_one_or_the_other() -> None:
    """A new setting must be put on one of the two lists."""
    assert {field.name for field in fields(CanarySettings)} == set(CHANGES) | set(DECIDES_NOTHING)


@dataclass(frozen=True, kw_only=True, slots=True)
class NextVersion(CanarySettings):
    """The settings after an upgrade, with one more."""

    patience: float = setting(number(above=0), "Something new.", default=1.0)


def test_a_setting_that_an_upgrade_adds_does_not_stop_a_rollout() -> None:
    """The digest is over a named list, so that a class with more fields gives the same one."""
    after = NextVersion(**{field.name: getattr(CANARY, field.name) for field in fields(CanarySettings)})
    assert plan_digest(after, None) == plan_digest(CANARY, None)


def test_the_digest_is_the_same_on_every_machine() -> None:
    """A literal: whoever changes it stops every running rollout."""
    digest = "sha256:483a373262291f04fceb26b021cd4958715fc6a10745472b215e37f68d7618e6"
    assert plan_digest(CanarySettings(), None) == digest


GOOD, BAD = Counts(nc=200, xc=1, nb=200, xb=1), Counts(nc=200, xc=60, nb=200, xb=1)


def after(plan: Plan, **readings: Counts) -> Evidence:
    """Evidence of five equal looks at the last step."""
    evidence = no_evidence(plan)
    for number_ in range(5):
        evidence = take_in(plan, evidence, Observation(at_seconds=10.0 * number_ + 1, step=1, readings=readings))
    return evidence


@pytest.mark.parametrize(
    ("errors", "refusals", "decision", "says"),
    [
        (GOOD, GOOD, Decision.PROMOTE, "not worse"),
        (BAD, GOOD, Decision.ROLLBACK, "fails more often"),
        (GOOD, BAD, Decision.ROLLBACK, "refuses more often"),
    ],
)
def test_guardrails_are_judged_together(errors: Counts, refusals: Counts, decision: Decision, says: str) -> None:
    """Harm on any one of them is enough to go back; to be promoted all of them must be proven."""
    plan = make_plan(TWO, deadline_seconds=600)
    evidence = after(plan, errors=errors, refusals=refusals)
    decided = decide(Look(plan=plan, evidence=evidence, step=1, elapsed_seconds=100))
    assert decided.decision is decision
    assert says in decided.reason


def test_one_unproven_guardrail_holds() -> None:
    """A margin that is not proven yet is not made up for by another one."""
    plan = make_plan(TWO, deadline_seconds=600)
    few = Counts(nc=2, xc=0, nb=2, xb=0)
    evidence = after(plan, errors=GOOD, refusals=few)
    assert decide(Look(plan=plan, evidence=evidence, step=1, elapsed_seconds=100)).decision is Decision.HOLD


def test_the_average_of_evidence_stops_where_one_test_alone_would() -> None:
    """With one guardrail the level is its own; with two, the harm that one of them sees is enough."""
    one, two = make_plan(CANARY, deadline_seconds=600), make_plan(TWO, deadline_seconds=600)
    harmed = after(one, errors=BAD)
    assert harm_log_e(one, harmed) == pytest.approx(math.log(1 / CANARY.false_rollback_rate), abs=0.01)
    both = after(two, errors=BAD, refusals=GOOD)
    assert is_harmful(two, both)
    assert two.harm_cap == one.harm_cap
