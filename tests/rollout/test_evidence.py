"""The canary's table of transitions, and counts from counters."""

import math
from dataclasses import replace

import pytest

from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.rollout.counting import alive, difference, kinds_of
from ml_cicd.rollout.evidence import TRANSITIONS, Evidence, Look, decide, is_harmful, no_evidence, replay
from ml_cicd.rollout.guardrail import Levels, Proves, Window
from ml_cicd.rollout.guardrails.catalogue import GUARDRAILS
from ml_cicd.rollout.guardrails.counted import COLLAPSE_WEIGHT, CountedGuardrail, HarmEvidence, harm_taken_in, harm_test
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.unanswered import UnansweredSettings
from ml_cicd.rollout.plan import Plan, make_plan
from ml_cicd.rollout.settings import WhenInconclusive
from ml_cicd.rollout.state import LAPSED, Counters, Decision, Observation
from ml_cicd.rollout.times import Times
from ml_cicd.stats.sequential import Counts
from ml_cicd.stats.users import UserCounts, spread, user_excess
from tests.fakes.world import CANARY

PLAN = make_plan(CANARY, deadline_seconds=600)
DEFAULT = {name: of() for name, of in GUARDRAILS.items()}
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
SOME = Counts(nc=100, xc=2, nb=100, xb=2)
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


def test_a_candidate_that_hangs_is_not_promoted_at_the_deadline() -> None:
    """Its last requests are all open, too few to prove harm: `promote` keeps its hands off, and the report says why."""
    watched = {"errors": ErrorsSettings(), "unanswered": UnansweredSettings()}
    settings = replace(CANARY, when_inconclusive=WhenInconclusive.PROMOTE, guardrails=watched)
    plan = make_plan(settings, deadline_seconds=600)
    fine = {"errors": Counts(nc=10, xc=0, nb=10, xb=0), "unanswered": Counts(nc=10, xc=0, nb=10, xb=0)}
    hangs = {"errors": Counts(nc=0, xc=0, nb=12, xb=0), "unanswered": Counts(nc=12, xc=12, nb=12, xb=0)}
    seen = tuple(Observation(at_seconds=10.0 + i, step=1, readings=fine) for i in range(10))
    last = Observation(at_seconds=600.0, step=1, readings=hangs)
    assert look(plan, replay(plan, seen), elapsed=600) is Decision.PROMOTE
    moment = Look(plan=plan, evidence=replay(plan, (*seen, last)), step=1, elapsed_seconds=600)
    assert not moment.harmful
    found = decide(moment)
    assert found.decision is Decision.INCONCLUSIVE
    assert found.reason == "deadline reached, and 12 of the candidate's requests are still open"


def test_the_last_row_always_holds() -> None:
    """Whatever is seen, some row decides, and the default is to hold."""
    assert TRANSITIONS[-1].decision is Decision.HOLD
    assert TRANSITIONS[-1].when(Look(plan=PLAN, evidence=no_evidence(PLAN), step=0, elapsed_seconds=0))


WORSE = Counts(nc=200, xc=6, nb=200, xb=2)


@pytest.mark.parametrize(("counts", "harmful"), [(BAD, True), (WORSE, False), (GOOD, False)])
def test_the_warm_up_shows_a_collapse_and_nothing_else(counts: Counts, harmful: bool) -> None:
    """A cold candidate may fail three times as often; one that fails in a third of its answers goes at once."""
    plan = replace(PLAN, warm_up_seconds=600.0)
    evidence = after(plan, counts, looks=4)
    assert (is_harmful(plan, evidence), evidence.looks, evidence.per_step) == (harmful, {}, {})
    assert evidence.requests == (800, 800)


def test_a_candidate_that_fails_everything_costs_few_requests() -> None:
    """From the first request on, at a share of 5 %, with the default guardrails: rolled back after 20 at most."""
    plan = make_plan(replace(CANARY, warm_up=60.0, guardrails=DEFAULT), deadline_seconds=600)
    quiet = Counts(nc=1, xc=0, nb=19, xb=0)
    for looks in range(1, 21):
        nothing = {guard.name: guard.nothing for guard in plan.guardrails}
        failed = {**nothing, "refusals": quiet, "errors": Counts(nc=1, xc=1, nb=19, xb=0)}
        seen = [Observation(at_seconds=float(i), step=1, readings=failed) for i in range(looks)]
        if is_harmful(plan, replay(plan, tuple(seen))):
            break
    assert looks < 10


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_a_candidate_that_dies_is_rolled_back_in_two_looks(share: float) -> None:
    """After thirty good looks: the first might be a burst, the second says that it lasts."""
    candidate = round(200 * share)
    good = Counts(nc=candidate, xc=0, nb=200 - candidate, xb=1)
    plan = replace(PLAN, warm_up_seconds=0)
    seen = [Observation(at_seconds=float(k), step=1, readings={"errors": good}) for k in range(30)]
    dead = replace(good, xc=candidate)
    seen += [Observation(at_seconds=30.0 + k, step=1, readings={"errors": dead}) for k in range(2)]
    assert is_harmful(plan, replay(plan, tuple(seen)))


def test_a_champion_that_dies_proves_nothing() -> None:
    """Its check finds it down a second later, which was in the look before: what that one proves is taken back, and a
    candidate that fails twice as often as before is as far from promotion as it was. One that was proven stays so.
    """
    plan = replace(PLAN, warm_up_seconds=0)
    errors = plan.guardrails[0]

    def seen(at: int, counts: Counts, step: int = 1) -> Observation:
        return Observation(at_seconds=float(at), step=step, readings={"errors": counts})

    def safety(*looks: Observation) -> float:
        return errors.safety(replay(plan, looks).guards["errors"], 1)

    steady = [seen(k, Counts(nc=100, xc=12, nb=100, xb=6)) for k in range(6)]
    dies, dead = seen(6, Counts(nc=100, xc=12, nb=100, xb=60)), seen(7, Counts(nc=100, xc=12, nb=100, xb=100), LAPSED)
    assert safety(*steady, dies, dead, dead) == pytest.approx(safety(*steady), abs=0.05)
    assert safety(*steady, dies, dead) < 1
    well = [seen(k, Counts(nc=200, xc=0, nb=200, xb=0)) for k in range(40)]
    gone = [seen(k, Counts(nc=200, xc=0, nb=200, xb=200), LAPSED) for k in (41, 42)]
    assert safety(*well, *gone) >= 1
    away = seen(42, Counts(nc=200, xc=0, nb=0, xb=0), LAPSED)
    assert safety(*well, seen(41, Counts(nc=200, xc=0, nb=200, xb=40)), away) >= safety(*well) - 0.1


def test_what_a_dead_champion_s_users_got_hides_no_harm() -> None:
    """The other slot answered them: that is no failure of the champion's to hold against a candidate that fails later,
    and what the champion did itself before it died is one.
    """
    before = {"blue": counters(100, 1), "green": counters(100, 1)}
    now = {"blue": replace(counters(180, 61), away=55, open=3), "green": counters(200, 2)}
    begun = {slot: replace(read, away=0, open=1) for slot, read in before.items()}
    windows, _ = difference(begun, now, ("green", "blue"))
    assert windows is not None
    assert (windows[1].down, windows[1].requests, windows[1].count("errors")) == (True, 80, 60)
    own = alive(windows[1])
    assert (own.requests, own.count("errors"), own.started) == (25, 5, 27)
    assert alive(windows[0]) == windows[0]


@pytest.mark.parametrize(("requests", "harmful"), [(40, False), (100, True), (1000, True)])
def test_half_of_many_requests_at_once_is_no_burst(requests: int, harmful: bool) -> None:
    """One look in which half of a hundred requests fail is harm; of fewer, the next one tells whether it lasts."""
    plan = replace(PLAN, warm_up_seconds=0)
    good = Counts(nc=requests, xc=1, nb=requests, xb=1)
    seen = [Observation(at_seconds=float(k), step=1, readings={"errors": good}) for k in range(1, 30)]
    out = Observation(at_seconds=30.0, step=1, readings={"errors": replace(good, xc=requests // 2)})
    assert is_harmful(plan, replay(plan, (*seen, out))) is harmful


BURST = (
    Counts(nc=100, xc=0, nb=100, xb=9),
    Counts(nc=100, xc=9, nb=100, xb=0),
    *[Counts(nc=100, xc=0, nb=100, xb=0)] * 8,
)

LEARNT = (Counts(nc=100, xc=0, nb=100, xb=9), *[Counts(nc=100, xc=0, nb=100, xb=0)] * 3) * 5


def test_a_rejection_stands_though_bursts_show_in_the_same_look() -> None:
    """What a candidate that is dead for two looks proves is not taken back by what the champion does in the second."""
    plan = replace(PLAN, warm_up_seconds=0)
    steady = [Observation(at_seconds=float(k), step=1, readings={"errors": SOME}) for k in range(1, 30)]
    dead = Observation(at_seconds=30.0, step=1, readings={"errors": Counts(nc=100, xc=90, nb=100, xb=2)})
    burst = Observation(at_seconds=31.0, step=1, readings={"errors": Counts(nc=100, xc=90, nb=100, xb=40)})
    evidence = replay(plan, (*steady, dead, burst))
    guard, seen = plan.guardrails[0], evidence.guards["errors"]
    assert seen.harm.dispersion.phi > 1
    assert seen.harm.worse.rejected
    assert isinstance(guard, CountedGuardrail)
    assert guard.harm_log_e(seen) >= guard.harm.worse.cap + math.log(1 - COLLAPSE_WEIGHT) - 1e-9
    assert is_harmful(plan, evidence)


def test_bursts_are_not_taken_for_harm_or_safety() -> None:
    """Failures in bursts of nine: what would be strong evidence from independent ones is tempered, and it is said."""
    errors = PLAN.guardrails[0]
    seen = [Observation(at_seconds=float(i), step=1, readings={"errors": c}) for i, c in enumerate(LEARNT + BURST * 4)]
    bursty = replay(PLAN, tuple(seen)).guards["errors"]
    spread = Counts(nc=100, xc=1, nb=100, xb=1)
    even = after(PLAN, spread, looks=40).guards["errors"]
    assert errors.remark(even) == ""
    assert "come in bursts" in errors.remark(bursty)
    assert errors.safety(bursty, 1) < errors.safety(even, 1) / 4
    assert errors.harm_log_e(bursty) < 1


@pytest.mark.parametrize(
    ("candidate", "champion", "harmful", "safe"),
    [
        (Window(requests=0, started=40, open=40), Window(requests=760, started=760, open=1), True, False),
        (Window(requests=30, started=40, open=10), Window(requests=756, started=760, open=4), True, False),
        (Window(requests=40, started=40, open=0), Window(requests=756, started=760, open=4), False, True),
        (Window(requests=4, started=40, open=200), Window(requests=40, started=760, open=3800), False, True),
        (Window(requests=40), Window(requests=760), False, True),
    ],
    ids=["hangs", "slow", "equal", "both slow", "the source cannot tell"],
)
def test_open_requests(candidate: Window, champion: Window, harmful: bool, safe: bool) -> None:
    """A candidate that leaves more requests unanswered than its share explains goes, and is never promoted before."""
    guard = UnansweredSettings().guardrail(Levels(steps=(500,), harm_alpha=0.005, safety_alpha=0.05))
    evidence = guard.start()
    for _ in range(5):
        evidence = guard.take_in(evidence, guard.reading(candidate, champion), Proves.ALL)
    assert (guard.harm_log_e(evidence) >= -math.log(0.005) - 0.01) is harmful
    assert (guard.safety(evidence, 0) >= 1) is safe
    assert bool(guard.remark(evidence)) is not safe


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
    wide, narrow = (PLAN.guardrails[0].requests_needed(step, 0.01) for step in range(2))
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


def test_a_failure_that_is_counted_again_in_another_way_is_one() -> None:
    """A retry is a failure until it fails as an answer: a look in between the two must not start from zero."""
    quiet = counters(0, 0)
    first, base = difference(
        {"green": counters(90, 7), "blue": quiet}, {"green": counters(91, 6), "blue": quiet}, SLOTS
    )
    second, _ = difference(base, {"green": counters(92, 8), "blue": quiet}, SLOTS)
    assert first is not None
    assert second is not None
    assert [(window[0].requests, window[0].count("errors")) for window in (first, second)] == [(1, 0), (1, 1)]


def test_kinds_of_failure_are_those_of_this_look() -> None:
    """What grew or came to be of another kind; a kind that was not known before begins here, a restart at zero."""
    quiet = counters(0, 0)
    before = {"green": replace(quiet, kinds={"5xx": 3, "retried": 1}), "blue": replace(quiet, kinds={"5xx": 1})}
    now = {
        "green": replace(quiet, kinds={"5xx": 5, "retried": 0, "new": 9}),
        "blue": replace(quiet, kinds={"5xx": 1, "new": 9}),
    }
    windows, _ = difference(before, now, SLOTS)
    assert windows is not None
    assert kinds_of(*windows) == {"5xx": (2, 0), "retried": (-1, 0)}
    windows, _ = difference(before, {slot: replace(seen, epoch="2") for slot, seen in now.items()}, SLOTS)
    assert windows is not None
    assert kinds_of(*windows) == {"5xx": (5, 1), "new": (9, 9)}


def test_failures_that_came_early_are_not_lost() -> None:
    """Two counters are read a moment apart: the failures beyond the requests count at the next look."""
    quiet = counters(0, 0)
    first, base = difference({"green": counters(0, 0), "blue": quiet}, {"green": counters(2, 5), "blue": quiet}, SLOTS)
    second, _ = difference(base, {"green": counters(10, 5), "blue": quiet}, SLOTS)
    assert first is not None
    assert second is not None
    assert (first[0].count("errors") + second[0].count("errors"), first[0].requests + second[0].requests) == (5, 10)


def test_requests_under_way_are_nobodys_success() -> None:
    """What was open before and has ended counts; what is open at the end has started, and is not counted yet."""
    before = {"green": replace(counters(10, 0), open=3), "blue": replace(counters(0, 0), open=0)}
    now = {"green": replace(counters(12, 1), open=5), "blue": replace(counters(0, 0), open=0)}
    windows, _ = difference(before, now, SLOTS)
    assert windows is not None
    assert (windows[0].requests, windows[0].started, windows[0].open) == (2, 4, 5)


def test_what_a_source_begins_to_count_starts_there() -> None:
    """An event without an earlier value has a history that is no look's; in a new process all of it is the look's."""
    quiet = {"blue": counters(0, 0)}
    began = Counters(requests=12, events={"errors": 1, "refusals": 900}, times={10: 800}, epoch="1")
    windows, base = difference({"green": counters(10, 1), **quiet}, {"green": began, **quiet}, SLOTS)
    assert windows is not None
    assert (windows[0].count("refusals"), windows[0].times) == (0, None)
    later = replace(began, requests=15, events={"errors": 1, "refusals": 902}, times={10: 802, 20: 1})
    windows, _ = difference(base, {"green": later, **quiet}, SLOTS)
    assert windows is not None
    assert (windows[0].count("refusals"), windows[0].times) == (2, {10: 2, 20: 1})
    windows, _ = difference({"green": counters(10, 1), **quiet}, {"green": replace(began, epoch="2"), **quiet}, SLOTS)
    assert windows is not None
    assert (windows[0].count("refusals"), windows[0].times) == (12, {10: 800})


@pytest.mark.parametrize("now", [None, {10: 4}, {20: 9}], ids=["gone", "fell", "another"])
def test_times_that_fell_are_no_reading(now: dict[int, int] | None) -> None:
    """Somebody cleared the table, or it was full: what was seen before tells nothing of this look."""
    before, quiet = replace(counters(10, 0), times={10: 5}), {"blue": counters(0, 0)}
    windows, base = difference(
        {"green": before, **quiet}, {"green": replace(counters(12, 0), times=now), **quiet}, SLOTS
    )
    assert windows is not None
    assert windows[0].times is None
    assert base["green"].times == now


def test_counters_that_somebody_cleared_leave_the_history_of_times_alone() -> None:
    """Requests begin at zero and the table of times does not: what it had before is not this look's."""
    before, quiet = replace(counters(50, 0), times={10: 900}), {"blue": counters(0, 0)}
    windows, _ = difference(
        {"green": before, **quiet}, {"green": replace(counters(4, 0), times={10: 903, 20: 1}), **quiet}, SLOTS
    )
    assert windows is not None
    assert (windows[0].requests, windows[0].times) == (4, {10: 3, 20: 1})


def test_a_looks_requests_are_its_own() -> None:
    """They are not taken from the guardrail that stands first: one over something else counts other numbers."""
    odd = Counts(nc=7, xc=0, nb=7, xb=0)
    seen = [Observation(at_seconds=float(i), step=1, readings={"errors": odd}, requests=(40, 60)) for i in range(1, 4)]
    evidence = replay(PLAN, tuple(seen))
    assert (evidence.requests, evidence.per_step) == ((120, 180), {1: (120, 300)})


def test_a_reading_of_another_kind_is_refused() -> None:
    """Times where a guardrail counts are of another plan."""
    times = Times(buckets={10: (1, 1)})
    with pytest.raises(EvidenceError, match="not of this plan"):
        replay(PLAN, (Observation(at_seconds=1.0, step=0, readings={"errors": times}),))


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


@pytest.mark.parametrize("alone", [0, 9])
def test_requests_without_a_user_make_no_user_send_more(alone: int) -> None:
    """Ten users, one of whom fails often, have sent as many requests as before the rollout: their failures count for as
    much less whether others send nine times as many requests or none.
    """
    past = spread([1000] * 10, [100, *[0] * 9])
    evidence = HarmEvidence()
    for look in range(1, 11):
        during = spread([95 * look] * 10, [10 * look, *[0] * 9])
        users = UserCounts(before=past, during=during)
        reading = Counts(nc=50 * (1 + alone), xc=0, nb=950 * (1 + alone), xb=10, users=users)
        evidence = harm_taken_in(harm_test(0.05), evidence, reading, Proves.ALL)
    assert evidence.by_user == pytest.approx(user_excess(users, 10_000), rel=0.01)
    again = replace(reading, users=replace(users, during=spread([95] * 10, [10, *[0] * 9])))
    restarted = harm_taken_in(harm_test(0.05), evidence, again, Proves.ALL)
    assert restarted.champion == reading.nb
