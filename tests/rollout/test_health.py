"""What `doctor` says of a target: each cause once, remarks apart from problems, and nothing waits for ever."""

from dataclasses import replace
from threading import Event

import pytest

from ml_cicd.commands import canary, doctor, rollback
from ml_cicd.ground.errors import Exit, OutsideError, Unreachable
from ml_cicd.ground.finding import Finding, broken
from ml_cicd.rollout import health
from ml_cicd.rollout.forecast import Traffic
from ml_cicd.rollout.health import traffic_finding
from ml_cicd.rollout.plan import make_plan
from tests.fakes.traffic import FakeRouter
from tests.fakes.world import CANARY, FakeWorld, release_of


@pytest.fixture
def world() -> FakeWorld:
    """Version 1 serves, alone."""
    world = FakeWorld()
    world.add_version()
    canary.run(canary.Inputs(), world)
    return world


def findings(world: FakeWorld) -> dict[str, Finding]:
    """Return what doctor found, by rule without the target."""
    verdict = doctor.run(doctor.Inputs(), world).verdict
    assert verdict is not None
    return {found.rule.removeprefix("production: "): found for found in verdict.findings}


def bad(world: FakeWorld) -> list[str]:
    """Return the rules that found a problem."""
    return [rule for rule, found in findings(world).items() if found.blocks]


def test_an_idle_slot_may_be_empty(world: FakeWorld) -> None:
    """Nothing is deployed there yet: a remark, and the exit code is 0."""
    report = doctor.run(doctor.Inputs(), world)
    assert (report.exit_code, report.outputs["healthy"]) == (Exit.DONE, "true")
    checks = len(report.verdict.findings) if report.verdict else 0
    assert report.headline == f"{checks - 1} of {checks} checks passed. 1 remark."
    assert not findings(world)["slot green"].blocks
    assert "empty" in findings(world)["slot green"].reason


def test_a_registry_that_nobody_named_is_one_finding(world: FakeWorld) -> None:
    """Router, counters and slots are looked at without it."""
    world.settings = replace(world.settings, registry=None)
    assert bad(world) == ["registry"]
    assert findings(world)["agreement"].reason.startswith("router and slots agree")


def test_a_dead_router_is_one_finding(world: FakeWorld) -> None:
    """Counters, shares and agreement are not asked where only the router could answer."""
    world.fake_router.broken = True
    assert bad(world) == ["router"]
    assert "counters" not in findings(world)


def test_a_slot_that_has_the_traffic_and_is_silent_is_one_finding(world: FakeWorld) -> None:
    """The slot's own line says it, and no other."""
    del world.fake_slots.holds["blue"]
    assert bad(world) == ["slot blue"]


def test_a_slot_with_another_version_is_one_finding(world: FakeWorld) -> None:
    """Router and ledger agree, and the slot does not."""
    world.fake_slots.holds["blue"] = release_of("7")
    assert bad(world) == ["agreement"]
    assert findings(world)["agreement"].reason == "Slot blue serves 7 but router and ledger say 1."


def test_damaged_files_are_one_finding(world: FakeWorld) -> None:
    """The router answers all the same; what writes the files again stands beside it."""
    world.fake_router.unsaved = "The state is torn."
    assert bad(world) == ["agreement"]
    found = findings(world)["agreement"]
    assert "a reload would undo it: The state is torn." in found.reason
    assert found.cure == "ml-cicd rollback --target production --to champion"


def test_a_moved_alias_is_found(world: FakeWorld) -> None:
    """Somebody set it by hand: the command that puts it back stands beside it."""
    world.fake_registry.aliases["digits", "champion"] = "9"
    assert findings(world)["agreement"].cure == "ml-cicd rollback --target production --to champion"


def test_what_is_open_has_its_command_with_the_reason(world: FakeWorld) -> None:
    """A rollback that nobody could record is named with the words that were given for it."""
    world.add_version()
    canary.run(canary.Inputs(), world)
    ledger = world.ledger

    def dead(_uri: str) -> None:
        """Fail as a dead server does."""
        raise Unreachable("The registry does not answer.", cure="Start it.")

    world.ledger = dead  # type: ignore[method-assign,assignment]
    rollback.run(rollback.Inputs(reason="too slow"), world)
    world.ledger = ledger  # type: ignore[method-assign]
    report = doctor.run(doctor.Inputs(), world)
    assert report.cure == "ml-cicd rollback --target production --to 1 --reason 'too slow'"


def test_a_lease_that_no_run_would_ask_for(world: FakeWorld) -> None:
    """A clock that was set back makes a lease live on: doctor names it."""
    router = world.fake_router
    router.split = router.split.shared(500, until=int(world.fake_clock.now()) + 7200, salt="x")
    assert "a clock was set" in findings(world)["lease and clock"].reason
    assert findings(world)["lease and clock"].blocks


def test_two_clocks(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The router's time is not this machine's."""
    read = world.fake_router.read
    monkeypatch.setattr(world.fake_router, "read", lambda **_: replace(read(), now=world.fake_clock.now() + 100))
    assert "+100 s" in findings(world)["lease and clock"].reason


def test_traffic_is_held_against_the_plan() -> None:
    """Enough passes; too little and none at all are remarks, which stop nothing, with the ways out."""
    plan = make_plan(CANARY, deadline_seconds=600)
    rates = {guard.name: 0.01 for guard in plan.guardrails}

    def at(requests: int, **of: float) -> Finding:
        """Hold requests in two seconds against it."""
        return traffic_finding(CANARY, plan, Traffic(seconds=2.0, requests=requests, rates={**rates, **of}))

    enough, slow, none = at(400), at(2), at(0)
    assert "at 200 requests/s and 1.00% errors" in enough.reason
    assert not enough.cure
    assert "a deadline of" in slow.cure
    assert "No request came" in none.reason
    assert not slow.blocks
    assert not none.blocks
    assert "30.00% errors" in at(60, errors=0.3).reason


def test_a_fast_plan_at_few_errors_is_a_slow_one_at_many(world: FakeWorld) -> None:
    """The rate of errors is measured, and not taken for granted: what passes at none is a remark at one in two."""
    world.rate = 4
    world.settings = replace(world.settings, canary=replace(CANARY, deadline=300))
    assert not findings(world)["traffic"].cure
    world.failing = {"1": 0.5}
    found = findings(world)["traffic"]
    assert "4 requests/s" in found.reason
    assert found.cure


def test_a_slot_that_only_we_reach(world: FakeWorld) -> None:
    """It serves and answers here, and the router's own check says that it is dead: its users get errors."""
    world.fake_source.reaches = lambda slot: slot != "blue"
    assert bad(world) == ["health check"]
    del world.fake_slots.holds["blue"]
    assert bad(world) == ["slot blue"]


def test_users_of_an_empty_slot_are_a_problem_before_the_first_release() -> None:
    """Nothing was promoted, so no slot is missed; but where requests come, they all fail."""
    world = FakeWorld()
    world.fake_source.reaches = lambda _slot: False
    assert bad(world) == ["health check"]
    assert "nobody answers its users. 400 requests came in 2 s" in findings(world)["health check"].reason
    world.rate = 0
    assert bad(world) == []


def test_a_part_that_hangs_is_named(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters that never answer cost their time and no more; the rest is said."""
    monkeypatch.setattr(health, "PART_SECONDS", 0.05)
    budget = health.Budget(clock=world.fake_clock, until=world.fake_clock.now() + 0.05)
    never = Event()

    def hang() -> None:
        """Answer when the test is over."""
        never.wait()

    with pytest.raises(Unreachable, match="What counts did not answer within"):
        budget.look("What counts", hang)
    never.set()


def test_a_look_that_fails_fails_as_itself(world: FakeWorld) -> None:
    """What another thread raises is what the asker sees."""

    def fail() -> None:
        """Fail as a full disk does."""
        raise OutsideError("The disk is full.", cure="Free space.")

    with pytest.raises(OutsideError, match="The disk is full"):
        health.Budget(clock=world.fake_clock, until=world.fake_clock.now() + 5).look("It", fail)


class ExaminedRouter(FakeRouter):
    """A router that says of itself that its socket is the wrong one."""

    def examine(self) -> tuple[Finding, ...]:
        """Say it."""
        return (broken("socket", "It is the master's.", "Name the worker's."),)


def test_a_wrong_socket_is_the_one_cause(world: FakeWorld) -> None:
    """All that a wrong socket breaks is not reported beside it."""
    world.fake_router = ExaminedRouter(world.fake_clock, broken=True)
    assert bad(world) == ["socket"]
    assert findings(world)["slot blue"].outcome.value == "pass"
