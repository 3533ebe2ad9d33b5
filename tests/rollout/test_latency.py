"""The guardrail `latency`: what it sees, what it tolerates, what it says."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ml_cicd.commands import canary, doctor
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Outcome
from ml_cicd.rollout.evidence import Look as Moment
from ml_cicd.rollout.evidence import decide, is_harmful, no_evidence, take_in
from ml_cicd.rollout.guardrail import Guardrail, Levels, Proves, Window
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.latency import TESTED, LatencySettings
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.state import Counters, Decision, Observation
from ml_cicd.rollout.times import Times, bucket_of
from ml_cicd.stats.sequential import Counts
from tests.commands.test_replay import as_file, replayed_with, said
from tests.fakes.world import CANARY, CONFIG, FakeWorld

ALPHA = 0.05 / 21  # its part of the default false rollbacks
LEVELS = Levels(steps=(1000,), harm_alpha=ALPHA, safety_alpha=0.05)
GUARD = LatencySettings().guardrail(LEVELS)


def window(*times: int) -> Window:
    """One arm's answers, each with its time in ms."""
    buckets: dict[int, int] = {}
    for took in times:
        buckets[bucket_of(took)] = buckets.get(bucket_of(took), 0) + 1
    return Window(requests=len(times), times=buckets)


def looks_until_harm(guard: Guardrail, candidate: Window, champion: Window, proves: Proves, most: int = 40) -> int:
    """Return after how many equal looks the guardrail alone rolls back; 0 for never."""
    evidence = guard.start()
    for number in range(1, most + 1):
        evidence = guard.take_in(evidence, guard.reading(candidate, champion), proves)
        if guard.harm_log_e(evidence) >= -math.log(ALPHA) - 1e-9:
            return number
    return 0


def ramp(times: float, of: int = 20, count: int = 20) -> tuple[int, ...]:
    """Return times spread evenly around a middle, by half of it to either side."""
    return tuple(round(times * of * (0.5 + i / (count - 1))) for i in range(count))


@pytest.mark.parametrize("proves", list(Proves))
def test_a_collapse_shows_in_one_look(proves: Proves) -> None:
    """400 ms instead of 2 ms, 20 requests at a share of 10 %: one look, also while the candidate warms up."""
    assert looks_until_harm(GUARD, window(*[400] * 20), window(*[2] * 180), proves) == 1


@pytest.mark.parametrize(
    ("times", "proves", "seen"),
    [
        (1.0, Proves.ALL, False),
        (1.1, Proves.ALL, False),
        (1.5, Proves.ALL, True),
        (2.0, Proves.ALL, True),
        (4.0, Proves.COLLAPSE, False),
        (0.2, Proves.ALL, False),
    ],
)
def test_what_is_tolerated(times: float, proves: Proves, seen: bool) -> None:
    """A tenth longer never counts, half as long again does; four times as long is a cold candidate's right."""
    candidate, champion = window(*ramp(times)), window(*ramp(1.0, count=180))
    assert bool(looks_until_harm(GUARD, candidate, champion, proves)) is seen


@pytest.mark.parametrize("took", [10, 19, 20, 99, 100, 1234, 29_999])
def test_half_as_long_again_crosses_a_bound_wherever_it_lies(took: int) -> None:
    """All answers equally long, so that one bound alone could tell: 1.5 times is seen, 1.1 times is not."""
    champion = window(*[took] * 180)
    assert looks_until_harm(GUARD, window(*[math.ceil(took * 1.51)] * 20), champion, Proves.ALL) == 1
    assert looks_until_harm(GUARD, window(*[int(took * 1.1)] * 20), champion, Proves.ALL) == 0


def test_a_huge_sample_does_not_see_what_is_tolerated() -> None:
    """Every answer a tenth longer, and a few more stalls: 800,000 requests prove nothing against that."""
    candidate = window(*ramp(1.1), *[2000] * 1)
    champion = window(*ramp(1.0), *[2000] * 1)
    many = [Window(requests=0, times={b: n * 1000 for b, n in (w.times or {}).items()}) for w in (candidate, champion)]
    assert looks_until_harm(GUARD, many[0], many[1], Proves.ALL) == 0


@pytest.mark.parametrize(("took", "seen"), [(3, False), (5, False), (8, True), (400, True)])
def test_some_milliseconds_are_no_difference(took: int, seen: bool) -> None:
    """Where the champion takes 1 ms, 5 are no harm though that is five times as long, and 8 are."""
    assert bool(looks_until_harm(GUARD, window(*[took] * 20), window(*[1] * 180), Proves.ALL)) is seen
    evidence = GUARD.take_in(GUARD.start(), GUARD.reading(window(*[took] * 20), window(*[1] * 180)), Proves.ALL)
    assert (GUARD.safety(evidence, 0) == 0.0) is seen
    every = LatencySettings(at_least_ms=0).guardrail(LEVELS)
    assert looks_until_harm(every, window(*[took] * 20), window(*[1] * 180), Proves.ALL)
    assert LatencySettings(at_least_ms=0).named() != LatencySettings().named()


def test_the_setting_is_the_tolerance() -> None:
    """Who accepts three times as long is not told of twice as long."""
    patient = LatencySettings(times=3.0).guardrail(LEVELS)
    slow, champion = window(*ramp(2.0)), window(*ramp(1.0, count=180))
    assert looks_until_harm(patient, slow, champion, Proves.ALL) == 0
    assert looks_until_harm(patient, window(*ramp(6.0)), champion, Proves.ALL) > 0
    assert LatencySettings(times=3.0).named() != LatencySettings().named()


def test_bounds_where_all_or_nothing_lies_are_no_evidence() -> None:
    """And a look that nobody timed changes nothing at all."""
    evidence = GUARD.start()
    assert GUARD.take_in(evidence, Times(), Proves.ALL) is evidence
    same = GUARD.take_in(evidence, GUARD.reading(window(*[15] * 20), window(*[15] * 180)), Proves.ALL)
    moved = [bound for bound in same.bounds if any(bound.worse.log_ratios)]
    assert len(moved) < 3 < len(same.bounds) == len(TESTED)
    assert GUARD.harm_log_e(same) < GUARD.harm_log_e(evidence) == pytest.approx(0.0)


def test_a_slow_last_look_holds_and_says_so() -> None:
    """What chance hardly explains is not promoted, until a look is as it should be."""
    slow = GUARD.take_in(
        GUARD.start(), GUARD.reading(window(*ramp(1.0), *[900] * 8), window(*ramp(1.0, count=180))), Proves.ALL
    )
    assert (GUARD.safety(slow, 0), "slower than chance" in GUARD.remark(slow)) == (0.0, True)
    again = GUARD.take_in(slow, GUARD.reading(window(*ramp(1.0)), window(*ramp(1.0, count=180))), Proves.ALL)
    assert (GUARD.safety(again, 0), "slower than chance" in GUARD.remark(again)) == (1.0, False)


def test_a_candidate_that_answers_nothing_more_stays_slow() -> None:
    """A look without an answer of the candidate's does not end what its last answers held."""
    one = window(*ramp(1.0, count=180))
    slow = GUARD.take_in(GUARD.start(), GUARD.reading(window(*ramp(2.0)), one), Proves.ALL)
    assert GUARD.safety(slow, 0) == 0.0
    silent = GUARD.take_in(slow, GUARD.reading(window(), one), Proves.ALL)
    assert GUARD.safety(silent, 0) == 0.0


def test_stalls_in_bursts_count_less_and_it_is_said() -> None:
    """The champion's own stalls come ten at a time: the candidate's ten are one event, and no proof of harm."""
    quiet = GUARD.reading(window(*[20] * 100), window(*[20] * 100))
    champions = GUARD.reading(window(*[20] * 100), window(*[20] * 90, *[900] * 10))
    candidates = GUARD.reading(window(*[20] * 90, *[900] * 10), window(*[20] * 100))
    evidence = GUARD.start()
    for reading in (champions, quiet, quiet) * 8 + (candidates,):
        evidence = GUARD.take_in(evidence, reading, Proves.ALL)
    assert GUARD.harm_log_e(evidence) < 1
    for _ in range(40):
        evidence = GUARD.take_in(evidence, candidates, Proves.ALL)
    assert "come in bursts" in GUARD.remark(evidence)


def test_the_words_are_in_milliseconds() -> None:
    """Median and 95 % of both, as exact as the buckets."""
    seen = GUARD.reading(window(*[400] * 20), window(*[2] * 180))
    assert GUARD.served_words(seen, "7", "6") == (
        "version 7 took 390-430 ms (95 %: 390-430 ms), version 6 2-3 ms (95 %: 2-3 ms)"
    )
    assert GUARD.served_words(Times(), "7", "6") == "answers were not timed"


def test_it_is_part_of_the_plan_and_names_itself() -> None:
    """With the default guardrails one look of a collapse ends the rollout, in its words."""
    plan = make_plan(replace(CANARY, guardrails=CanaryDefaults), deadline_seconds=600)
    ended = Counts(nc=20, xc=0, nb=180, xb=0)
    readings = {guard.name: guard.nothing for guard in plan.guardrails} | {"errors": ended, "refusals": ended}
    readings["latency"] = GUARD.reading(window(*[400] * 20), window(*[2] * 180))
    seen = Observation(at_seconds=5.0, step=1, readings=readings, requests=(20, 180))
    evidence = take_in(plan, no_evidence(plan), seen)
    assert is_harmful(plan, evidence)
    decided = decide(Moment(plan=plan, evidence=evidence, step=1, elapsed_seconds=5.0))
    assert (decided.decision, decided.reason) == (Decision.ROLLBACK, GUARD.harm_words)


CanaryDefaults = type(CANARY)().guardrails
BOTH = {"errors": ErrorsSettings(margin=0.05), "latency": LatencySettings()}


def timed(world: FakeWorld, slow: Mapping[str, int], *, measured: bool = True) -> FakeWorld:
    """Let the counters tell times: 20 ms for every answer, or what a slot's version takes."""
    read = world.fake_source.read
    totals: dict[str, dict[int, int]] = {"blue": {}, "green": {}}
    before = {"blue": 0, "green": 0}

    def with_times() -> Mapping[str, Counters]:
        """Put what came since the last reading into its bucket."""
        counters = read()
        for slot, counted in counters.items():
            version = world.fake_slots.holds[slot].version if slot in world.fake_slots.holds else ""
            bucket = bucket_of(slow.get(version, 20))
            totals[slot][bucket] = totals[slot].get(bucket, 0) + counted.requests - before[slot]
            before[slot] = counted.requests
        return {slot: replace(c, times=dict(totals[slot]) if measured else None) for slot, c in counters.items()}

    world.fake_source.read = with_times  # type: ignore[method-assign]
    return world


def begun() -> FakeWorld:
    """Version 2 about to be rolled out over 1, both guardrails on."""
    world = FakeWorld(settings=replace(CONFIG, canary=replace(CANARY, guardrails=BOTH)))
    world.add_version()
    canary.run(canary.Inputs(), world)
    world.add_version()
    return world


@pytest.mark.parametrize(("took", "decision"), [(400, "rollback"), (20, "promote")])
def test_a_slow_candidate_is_rolled_back_and_the_verdict_can_be_repeated(took: int, decision: str) -> None:
    """By the real command: reason, table and replay; an equal one is promoted."""
    world = timed(begun(), {"2": took})
    report = canary.run(canary.Inputs(), world)
    assert report.outputs["decision"] == decision
    assert (GUARD.harm_words in report.outputs["reason"]) is (decision == "rollback")
    assert f"version 2 took {took}".replace("400", "390") in report.outputs["reason"]
    (table,) = (table for table in report.tables if table.title == "Latency by share")
    assert table.header[:3] == ("share", "candidate answers", "candidate median")
    assert not any("not watched" in note for note in report.notes)
    assert said(replayed_with(as_file(report), world.settings)) == said(report)


def test_without_times_a_rollout_goes_on_and_says_what_is_missing() -> None:
    """A source that measures none: promoted all the same; plan, report and doctor have the sentence with its cure."""
    world = timed(begun(), {}, measured=False)
    report = canary.run(canary.Inputs(), world)
    assert report.exit_code is Exit.DONE
    assert "answers were not timed" in report.outputs["reason"]
    assert any("Latency is not watched" in line and "haproxy.cfg.template" in line for line in world.lines)
    assert any("Latency is not watched" in note and "haproxy.cfg.template" in note for note in report.notes)
    assert not any(table.title == "Latency by share" for table in report.tables)
    checked = doctor.run(doctor.Inputs(), world)
    assert checked.verdict is not None
    (found,) = (finding for finding in checked.verdict.findings if finding.rule.endswith(": latency"))
    assert (found.outcome, found.blocks) == (Outcome.INCONCLUSIVE, False)
    assert "haproxy.cfg.template" in found.cure


def test_times_that_begin_half_way_are_no_look() -> None:
    """The table appears in the middle of a rollout, with a history of slow answers: it starts from there."""
    world = timed(begun(), {})
    read, looks = world.fake_source.read, 0

    def late() -> Mapping[str, Counters]:
        """No times for the first six readings; then the candidate's slot has a past."""
        nonlocal looks
        looks += 1
        counters = read()
        if looks <= 6:
            return {slot: replace(c, times=None) for slot, c in counters.items()}
        green = counters["green"]
        return {**counters, "green": replace(green, times={**(green.times or {}), 9100: 5000})}

    world.fake_source.read = late  # type: ignore[method-assign]
    assert canary.run(canary.Inputs(), world).outputs["decision"] == "promote"


def of_users(seed: int, users: int, times: float) -> bool:
    """Whether a candidate is rolled back that takes `times` as long for users who differ, at a share of 10 %."""
    rng = random.Random(seed)
    usual = [50 * math.exp(rng.gauss(0, 0.6)) for _ in range(users)]
    mine = [rng.random() < 0.1 for _ in range(users)]
    sent = [0] * users
    evidence = GUARD.start()
    for _ in range(40):
        took: tuple[list[int], list[int]] = ([], [])
        for user in rng.choices(range(users), k=200):
            sent[user] += mine[user]
            took[mine[user]].append(round(usual[user] * (times if mine[user] else 1) * math.exp(rng.gauss(0, 0.2))))
        worth = sum(sent) ** 2 / max(1, sum(n * n for n in sent))
        candidate = replace(window(*took[1]), worth=worth)
        evidence = GUARD.take_in(evidence, GUARD.reading(candidate, window(*took[0])), Proves.ALL)
    return bool(GUARD.harm_log_e(evidence) >= -math.log(ALPHA) - 1e-9)


@pytest.mark.parametrize("users", [50, 200, 1000])
def test_users_who_differ_are_not_the_candidates_fault(users: int) -> None:
    """Each user asks for another amount and stays with one slot: equal versions are not rolled back for that."""
    assert sum(of_users(seed, users, 1.0) for seed in range(20)) <= 1


def test_what_few_users_do_not_explain_is_found() -> None:
    """A candidate that takes four times as long is found by fifty users, and how much is put down to them is said."""
    assert sum(of_users(seed, 50, 4.0) for seed in range(10)) >= 8
    candidate = replace(window(*[100] * 20), worth=5.0)
    evidence = GUARD.take_in(GUARD.start(), GUARD.reading(candidate, window(*[50] * 180)), Proves.ALL)
    assert "up to 2.6 times as long" in GUARD.remark(evidence)
