"""The canary's table of transitions, and counts from counters."""

from dataclasses import replace

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.rollout.counting import difference
from ml_cicd.rollout.evidence import TRANSITIONS, Evidence, Look, decide, no_evidence, replay, take_in
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.plan import Plan, forecast, make_plan
from ml_cicd.rollout.settings import WhenInconclusive
from ml_cicd.rollout.state import Counters, Decision, Observation
from ml_cicd.stats.sequential import Counts
from tests.fakes.world import CANARY

PLAN = make_plan(CANARY, deadline_seconds=600)
QUIET = Counts(nc=0, xc=0, nb=0, xb=0)


def after(plan: Plan, counts: Counts, *, looks: int = 5, step: int = 1) -> Evidence:
    """Evidence of some equal looks."""
    seen = [Observation(at_seconds=10.0 * (i + 1), step=step, readings={"errors": counts}) for i in range(looks)]
    return replay(plan, tuple(seen))


def look(plan: Plan, evidence: Evidence, *, step: int = 1, elapsed: float = 100) -> Decision:
    """Decide."""
    return decide(Look(plan=plan, evidence=evidence, step=step, elapsed_seconds=elapsed)).decision


GOOD = Counts(nc=200, xc=1, nb=200, xb=1)
BAD = Counts(nc=200, xc=60, nb=200, xb=1)
SKEWED = Counts(nc=300, xc=2, nb=100, xb=1)


@pytest.mark.parametrize(
    ("counts", "elapsed", "decision"),
    [
        (GOOD, 100, Decision.PROMOTE),
        (BAD, 100, Decision.ROLLBACK),
        (BAD, 9999, Decision.ROLLBACK),
        (SKEWED, 100, Decision.HOLD),
        (SKEWED, 9999, Decision.INCONCLUSIVE),
        (QUIET, 100, Decision.HOLD),
        (QUIET, 9999, Decision.INCONCLUSIVE),
        (GOOD, 1, Decision.HOLD),
    ],
)
def test_at_the_last_step(counts: Counts, elapsed: float, decision: Decision) -> None:
    """Promotion needs evidence, time and the written split; the deadline ends everything else."""
    assert look(PLAN, after(PLAN, counts), elapsed=elapsed) is decision


def test_before_the_last_step_the_share_advances() -> None:
    """Evidence at step one raises the share, and never promotes."""
    evidence = after(PLAN, Counts(nc=50, xc=0, nb=950, xb=5), step=0)
    assert look(PLAN, evidence, step=0) is Decision.ADVANCE


def test_two_looks_are_not_enough_to_advance() -> None:
    """Three looks at each step, however strong they are."""
    evidence = after(PLAN, Counts(nc=500, xc=0, nb=9500, xb=5), step=0, looks=2)
    assert look(PLAN, evidence, step=0) is Decision.HOLD


@pytest.mark.parametrize(
    ("setting", "counts", "decision"),
    [
        (WhenInconclusive.ROLLBACK, QUIET, Decision.INCONCLUSIVE),
        (WhenInconclusive.HOLD, QUIET, Decision.INCONCLUSIVE),
        (WhenInconclusive.PROMOTE, QUIET, Decision.INCONCLUSIVE),
        (WhenInconclusive.PROMOTE, SKEWED, Decision.INCONCLUSIVE),
        (WhenInconclusive.PROMOTE, Counts(nc=50, xc=2, nb=50, xb=2), Decision.PROMOTE),
        (WhenInconclusive.PROMOTE, BAD, Decision.ROLLBACK),
    ],
)
def test_at_the_deadline(setting: WhenInconclusive, counts: Counts, decision: Decision) -> None:
    """`promote` never promotes without traffic, on a mismatch or against evidence of harm."""
    plan = make_plan(replace(CANARY, when_inconclusive=setting), deadline_seconds=600)
    assert look(plan, after(plan, counts), elapsed=600) is decision


def test_the_last_row_always_holds() -> None:
    """Whatever is seen, some row decides, and the default is to hold."""
    assert TRANSITIONS[-1].decision is Decision.HOLD
    assert TRANSITIONS[-1].when(Look(plan=PLAN, evidence=no_evidence(PLAN), step=0, elapsed_seconds=0))


def test_the_warm_up_proves_nothing() -> None:
    """What falls into the warm-up is counted as served, and is no evidence."""
    plan = replace(PLAN, warm_up_seconds=60.0)
    seen = Observation(at_seconds=30, step=1, readings={"errors": BAD})
    evidence = take_in(plan, no_evidence(plan), seen)
    assert (evidence.served, evidence.guards) == ({"errors": BAD}, no_evidence(plan).guards)


def margins(steps: tuple[int, ...], margin: float) -> tuple[float, ...]:
    """Return the margins of a plan."""
    settings = replace(CANARY, steps=steps, guardrails={"errors": ErrorsSettings(margin=margin)})
    return make_plan(settings, deadline_seconds=1).guardrails[0].margins


def test_margins_narrow_towards_the_last_step() -> None:
    """The last step is held to the configured margin, each step before it to twice the next one's."""
    assert margins((100, 500, 2500, 5000), 0.005) == (0.04, 0.02, 0.01, 0.005)
    assert margins(CANARY.steps, 0.4) == (0.5, 0.4)


def test_a_forecast_grows_as_the_margin_narrows() -> None:
    """Fewer requests show less."""
    wide, narrow = forecast(PLAN, 0.01)
    assert 0 < wide < narrow


def counters(requests: int, errors: int, epoch: str = "1") -> Counters:
    """One slot's counters."""
    return Counters(requests=requests, events={"errors": errors}, epoch=epoch)


SLOTS = ("green", "blue")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (counters(10, 1), counters(15, 2), (5, 1)),
        (counters(10, 1), counters(10, 1), (0, 0)),
        (counters(10, 1), counters(3, 1, "2"), (3, 1)),
        (counters(10, 1), counters(3, 0), (3, 0)),
        (counters(10, 1), counters(12, 5), (2, 2)),
    ],
    ids=["growth", "silence", "new process", "fell", "more failures than requests"],
)
def test_counts_between_two_readings(before: Counters, now: Counters, expected: tuple[int, int]) -> None:
    """Growth; after a restart all that the new process served; failures never exceed requests."""
    quiet = counters(0, 0)
    windows, _ = difference({"green": before, "blue": quiet}, {"green": now, "blue": quiet}, SLOTS)
    assert windows is not None
    assert (windows[0].requests, windows[0].count("errors")) == expected


def test_failures_that_came_early_are_not_lost() -> None:
    """Two counters are read a moment apart: the failures beyond the requests count at the next look."""
    quiet = counters(0, 0)
    first, base = difference({"green": counters(0, 0), "blue": quiet}, {"green": counters(2, 5), "blue": quiet}, SLOTS)
    second, _ = difference(base, {"green": counters(10, 5), "blue": quiet}, SLOTS)
    assert first is not None
    assert second is not None
    assert (first[0].count("errors") + second[0].count("errors"), first[0].requests + second[0].requests) == (5, 10)


@pytest.mark.parametrize("before", [None, {}, {"green": counters(1, 0)}])
def test_without_an_earlier_reading_there_are_no_counts(before: dict[str, Counters] | None) -> None:
    """The first reading only sets the base."""
    now = {"green": counters(9, 0), "blue": counters(9, 0)}
    assert difference(before, now, SLOTS) == (None, now)


@pytest.mark.parametrize("numbers", [(1, 2, 0, 0), (0, 0, 1, 2), (-1, 0, 0, 0), (1, -1, 0, 0)])
def test_counts_must_add_up(numbers: tuple[int, int, int, int]) -> None:
    """More failures than requests, or less than nothing, is refused."""
    nc, xc, nb, xb = numbers
    with pytest.raises(InputError):
        Counts(nc=nc, xc=xc, nb=nb, xb=xb)
