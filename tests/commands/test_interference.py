"""More than one hand at the router, answers that get lost, records that are behind, and what nobody asked to repeat."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from ml_cicd.commands import canary, rollback, status
from ml_cicd.ground.errors import Conflict, Exit, InputError, IntegrityError, Unreachable
from ml_cicd.ground.report import Report
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.operations import HELD_SECONDS
from ml_cicd.rollout.session import CLAIM_SECONDS, DEPLOY_SECONDS
from ml_cicd.rollout.slots import http
from ml_cicd.rollout.state import Identity, Observation, Phase, RolloutState
from ml_cicd.world import Who
from tests.fakes.faults import Fault, Faults, Kill
from tests.fakes.world import CANARY, CONFIG, MODEL, TARGET, FakeWorld, release_of

TICK = canary.Inputs(mode="tick")


@pytest.fixture
def world() -> FakeWorld:
    """Version 2 serves, version 1 is its standby, version 3 is registered."""
    return two_releases()


def two_releases() -> FakeWorld:
    """Two releases, and a third version to roll out."""
    world = FakeWorld()
    for _ in range(2):
        world.add_version()
        assert canary.run(canary.Inputs(), world).outputs["decision"] == "promote"
    world.add_version()
    return world


def go_back(world: FakeWorld, to: str = "previous") -> Report:
    """Roll back."""
    return rollback.run(rollback.Inputs(to=to), world)


def phase(world: FakeWorld) -> Phase:
    """Return the phase beside the router."""
    assert world.fake_router.state is not None
    return world.fake_router.state.phase


def dead(*_: object, **__: object) -> None:
    """Fail as a server that is away."""
    raise Unreachable("It does not answer.", cure="Start it.")


def unrecorded_rollback(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roll back from 2 to 1 while the registry is away."""
    with monkeypatch.context() as patch:
        patch.setattr(world, "ledger", dead)
        patch.setattr(world, "registry", dead)
        assert go_back(world).exit_code is Exit.PARTLY
    assert world.serves() == "1"


@pytest.mark.parametrize("mode", ["run", "tick"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_rollback_that_could_not_be_recorded_stays(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, mode: str, *, dry_run: bool
) -> None:
    """The ledger still calls 2 the champion: a canary of 2 must not take that for a promotion to finish."""
    unrecorded_rollback(world, monkeypatch)
    with pytest.raises(IntegrityError, match="slot blue serves version 1") as problem:
        canary.run(canary.Inputs(candidate="2", mode=mode, dry_run=dry_run), world)
    assert "--to champion" in problem.value.cure
    assert world.serves() == "1"
    assert go_back(world, "champion").exit_code is Exit.DONE
    assert (world.serves(), world.record()[-1]) == ("1", ("rollback", "2", "1"))


def test_a_look_that_fails_does_not_lose_the_record(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traffic has moved; the counters cannot be read; the ledger says so all the same."""
    monkeypatch.setattr(world.fake_source, "read", dead)
    report = go_back(world)
    assert (report.exit_code, report.outputs["verified"], report.outputs["rolled-back"]) == (12, "false", "true")
    assert world.record()[-1] == ("rollback", "2", "1")


def during_the_hook(world: FakeWorld, act: Callable[[], None]) -> None:
    """Let something happen while the deploy hook of the canary runs."""
    real = world.fake_slots.deploy

    def deploy(slot: str, *, model: str, release: Release) -> Identity:
        """Act once, then deploy."""
        world.fake_slots.deploy = real  # type: ignore[method-assign]
        act()
        return real(slot, model=model, release=release)

    world.fake_slots.deploy = deploy  # type: ignore[method-assign]


@pytest.mark.parametrize("to", ["previous", "1"])
def test_a_slot_that_is_being_filled_gets_no_traffic(world: FakeWorld, to: str) -> None:
    """The idle slot still answers as version 1 while the hook replaces it: a rollback must not go there."""
    seen: list[Conflict] = []

    def roll_back() -> None:
        with pytest.raises(Conflict, match="deploying version 3 into slot blue") as problem:
            go_back(world, to)
        seen.append(problem.value)

    during_the_hook(world, roll_back)
    canary.run(canary.Inputs(), world)
    assert "Cancel its run" in seen[0].cure


def test_a_rollback_that_keeps_the_champion_ends_a_canary_that_deploys(world: FakeWorld) -> None:
    """It needs no slot, and takes the claim away: the canary finds it gone and gives the candidate nothing. The standby
    that the hook is replacing comes back by the same command, once the hook is through.
    """

    def stop() -> None:
        report = go_back(world, "champion")
        assert (report.exit_code, report.outputs["rolled-back"]) == (Exit.PARTLY, "true")
        assert "ml-cicd rollback --target production --to 2" in report.cure

    during_the_hook(world, stop)
    with pytest.raises(Conflict):
        canary.run(canary.Inputs(), world)
    assert (world.serves(), phase(world)) == ("2", Phase.REVERTED)
    assert world.fake_router.split.threshold == 0
    assert go_back(world, "2").exit_code is Exit.DONE
    assert (world.serves(), world.standby()) == ("2", "1")


def test_two_canaries_do_not_deploy_at_once(world: FakeWorld) -> None:
    """The second one sees the claim; when its owner is dead, the claim ends by itself."""

    def second() -> None:
        with pytest.raises(Conflict, match="Another run is deploying version 3"):
            canary.run(canary.Inputs(), world)
        raise SystemExit(1)

    during_the_hook(world, second)
    with pytest.raises(SystemExit):
        canary.run(canary.Inputs(), world)
    assert (phase(world), world.fake_router.read().claimed) == (Phase.HELD, False)
    assert canary.run(canary.Inputs(), world).outputs["decision"] == "promote"


def test_a_dead_claim_ends(world: FakeWorld) -> None:
    """Killed in the hook: nothing for seven minutes, then a rollback uses the slot and a canary begins anew."""
    faults = Faults(world, fault=Fault.KILL_BEFORE)

    def kill() -> None:
        faults.dead = True
        raise Kill

    during_the_hook(world, kill)
    with faults, pytest.raises(Kill):
        canary.run(canary.Inputs(), world)
    assert phase(world) is Phase.DEPLOYING
    with pytest.raises(Conflict, match="Another run is deploying"):
        canary.run(canary.Inputs(), world)
    world.fake_clock.sleep(430)
    assert go_back(world).outputs["to-version"] == "1"
    assert canary.run(canary.Inputs(), world).outputs["decision"] == "promote"


def dead_claim(world: FakeWorld) -> None:
    """Leave what a run leaves that is killed in its deploy hook."""
    faults = Faults(world, fault=Fault.KILL_BEFORE)

    def kill() -> None:
        faults.dead = True
        raise Kill

    during_the_hook(world, kill)
    with faults, pytest.raises(Kill):
        canary.run(canary.Inputs(), world)
    assert world.fake_router.read().claimed


@pytest.mark.parametrize("newer", [False, True], ids=["the same version", "a newer one"])
@pytest.mark.parametrize("mode", ["run", "tick"])
def test_a_dead_claim_is_taken_over_at_once(world: FakeWorld, mode: str, *, newer: bool) -> None:
    """Nobody waits seven minutes for a run that is known to be dead; the standby is still known afterwards."""
    dead_claim(world)
    version = world.add_version() if newer else "3"
    report = canary.run(canary.Inputs(take_over=True, mode=mode), world)
    assert report.outputs["decision"] == ("promote" if mode == "run" else "hold")
    state = world.fake_router.state
    assert state is not None
    assert (state.candidate.version, state.standby.version) == (version, "1")
    assert "Taking over from the run that was deploying version 3." in world.lines


@pytest.mark.parametrize(("age", "says"), [(100, "is deploying version 3"), (361, "is dead: it began 36")])
def test_a_claim_that_nobody_can_hold_is_named(world: FakeWorld, age: int, says: str) -> None:
    """A deployment has six minutes: a claim that is older is a dead run's. Both times the way over it is told."""
    dead_claim(world)
    world.fake_clock.sleep(age)
    with pytest.raises(Conflict, match=says) as problem:
        canary.run(canary.Inputs(), world)
    assert "--take-over true" in problem.value.cure


def rows_now(world: FakeWorld) -> dict[str, str]:
    """Return what status says, row by row."""
    return {str(row[0]): str(row[1]) for row in status.run(status.Inputs(), world).tables[0].rows}


def test_a_claim_of_a_process_that_has_ended_is_a_dead_ones(world: FakeWorld) -> None:
    """Where it can be seen here, nobody waits for the hook's time; else who runs it is said, with the link."""
    world.who = Who(actor="ann", run_url="https://github.com/o/r/actions/runs/7")
    dead_claim(world)
    with pytest.raises(Conflict, match=r"since \d+ s \(ann, https://github.com/o/r/actions/runs/7\)"):
        canary.run(canary.Inputs(), world)
    assert "its process" not in rows_now(world)
    assert world.fake_router.state is not None
    world.gone.add(world.fake_router.state.owner)
    with pytest.raises(Conflict, match="is dead: its process has ended on this machine") as problem:
        canary.run(canary.Inputs(), world)
    assert "--take-over true" in problem.value.cure
    assert rows_now(world)["its process"].endswith("it was killed")


def test_a_rollout_whose_process_has_ended_is_told_apart(world: FakeWorld) -> None:
    """It may have been a tick: the next one goes on at once, and a run waits for the lease."""
    canary.run(TICK, world)
    with pytest.raises(Conflict, match="run by somebody else"):
        canary.run(canary.Inputs(), world)
    assert world.fake_router.state is not None
    world.gone.add(world.fake_router.state.owner)
    with pytest.raises(Conflict, match="a tick, or was killed") as problem:
        canary.run(canary.Inputs(), world)
    assert "--mode tick" in problem.value.cure


def test_a_claim_outlasts_what_a_deployment_may_take() -> None:
    """The hook and the slot's answer, as the door waits for them."""
    assert http.HOOK_SECONDS + http.READY_SECONDS <= DEPLOY_SECONDS < CLAIM_SECONDS


def test_a_run_whose_hook_lives_is_not_taken_over(world: FakeWorld) -> None:
    """It holds the slot that it fills: whoever thought it dead is refused, has written nothing, and it goes on."""

    def taken_over() -> None:
        with pytest.raises(Conflict, match="held"):
            canary.run(replace(TICK, take_over=True), world)

    during_the_hook(world, taken_over)
    assert canary.run(canary.Inputs(), world).outputs["decision"] == "promote"


def test_a_run_that_was_not_dead_stops(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes over from a run that lives, where no slot can be held: it finds another number, stops, and the new
    rollout goes on.
    """
    monkeypatch.setattr(world.fake_router, "hold", lambda *_, **__: contextlib.nullcontext())

    def taken_over() -> None:
        assert canary.run(replace(TICK, take_over=True), world).outputs["decision"] == "hold"

    during_the_hook(world, taken_over)
    with pytest.raises(Conflict):
        canary.run(canary.Inputs(), world)
    assert (phase(world), world.fake_router.split.threshold) == (Phase.RUNNING, 500)


def test_a_claim_whose_run_moves_on_is_left_alone(world: FakeWorld) -> None:
    """It gives its candidate a share meanwhile: whoever wanted to take over stops, and undoes nothing."""
    dead_claim(world)
    moved = False

    def move_on() -> None:
        """Write the first share, as the run of the claim would."""
        nonlocal moved
        FakeWorld._one_second(world)
        router = world.fake_router
        if not moved and router.state is not None:
            moved = True
            router.split = replace(router.split, threshold=500, seq=router.split.seq + 1)
            router.state = replace(router.state, phase=Phase.RUNNING)

    world.fake_clock.each_second = move_on
    with pytest.raises(Conflict):
        canary.run(canary.Inputs(take_over=True), world)
    assert (phase(world), world.fake_router.split.threshold) == (Phase.RUNNING, 500)


def test_a_take_over_takes_nothing_from_a_running_canary(world: FakeWorld) -> None:
    """It is for claims alone: a canary that has traffic and a lease is somebody's."""
    canary.run(TICK, world)
    with pytest.raises(Conflict, match="somebody else"):
        canary.run(canary.Inputs(take_over=True), world)
    assert phase(world) is Phase.RUNNING


def test_a_run_that_lost_a_race_leaves_the_winner_alone(world: FakeWorld) -> None:
    """A lease has ended; a run takes its rollout up, and the one that was suspended wakes and writes first."""
    canary.run(TICK, world)
    world.fake_clock.sleep(1900)
    real = world.fake_router.observations

    def observations(state: RolloutState) -> tuple[Observation, ...]:
        """Renew the lease, as the process that holds the rollout does."""
        router = world.fake_router
        router.split = replace(router.split, lease=int(world.fake_clock.now()) + 60, seq=router.split.seq + 1)
        return real(state)

    world.fake_router.observations = observations  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        canary.run(canary.Inputs(), world)
    assert (phase(world), world.fake_router.read().share) == (Phase.RUNNING, 500)


def test_a_rollback_does_not_lose_against_a_lease(world: FakeWorld) -> None:
    """A running canary renews its lease between the rollback's look and its write: the rollback looks again."""
    canary.run(TICK, world)
    real, renewed = world.fake_slots.identify, False

    def identify(slot: str) -> Identity:
        """Renew once, as the canary's process does."""
        nonlocal renewed
        if not renewed:
            renewed = True
            split = world.fake_router.split
            world.fake_router.split = replace(split, lease=split.lease + 5, seq=split.seq + 1)
        return real(slot)

    world.fake_slots.identify = identify  # type: ignore[method-assign]
    assert go_back(world, "champion").outputs["rolled-back"] == "true"
    assert world.fake_router.read().share == 0


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_a_lost_answer_is_nobody_else(fault: Fault) -> None:
    """One call fails, or works without saying so: the run goes on or ends by that error, never over a rival."""
    with Faults(two_releases()) as counted:
        canary.run(canary.Inputs(), counted.world)
    promoted = 0
    for at in range(counted.calls):
        world = two_releases()
        with Faults(world, at=at, fault=fault), contextlib.suppress(Unreachable):
            promoted += canary.run(canary.Inputs(), world).outputs["decision"] == "promote"
        assert world.fake_router.read().share == 0, at
    assert promoted > counted.calls / 2


def test_a_promotion_that_the_router_does_not_take(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is ahead: the report does not say promoted, traffic is at the champion, and one command finishes."""
    real = world.fake_router.set_split

    def write(split: object, state: object, *, expect_seq: int, seen: object = (), urgent: bool = False) -> object:
        """Refuse the swap."""
        if getattr(state, "phase", None) is Phase.PROMOTED:
            dead()
        return real(split, state, expect_seq=expect_seq, seen=seen, urgent=urgent)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(world.fake_router, "set_split", write)
        report = canary.run(canary.Inputs(), world)
    assert (report.exit_code, report.outputs["decision"], report.outputs["share"]) == (Exit.PARTLY, "hold", "0")
    assert (world.serves(), world.fake_router.read().share) == ("2", 0)
    assert "--candidate 3" in report.cure
    assert canary.run(canary.Inputs(candidate="3"), world).exit_code is Exit.DONE
    assert world.serves() == "3"


def test_a_rollback_that_stops_half_way_does_not_claim_to_have_arrived(world: FakeWorld) -> None:
    """The version is deployed, the swap fails: nothing moved, and the report says what serves."""
    assert canary.run(canary.Inputs(), world).outputs["decision"] == "promote"
    with Faults(world) as faults:
        real = faults.world.fake_router.set_split
        faults.world.fake_router.set_split = dead  # type: ignore[method-assign,assignment]
        report = go_back(world, "1")
        faults.world.fake_router.set_split = real  # type: ignore[method-assign]
    assert report.exit_code is Exit.PARTLY
    assert (report.outputs["rolled-back"], report.outputs["to-version"]) == ("false", "3")


def test_a_schedule_does_not_try_a_rejected_version_again(world: FakeWorld) -> None:
    """Tick after tick: one rollout, one rejection, and the users are left alone until somebody names the version."""
    world.failing = {"3": 0.5}
    decisions = []
    for _ in range(20):
        decisions.append(canary.run(TICK, world))
        world.fake_clock.sleep(60)
    assert [r.outputs["decision"] for r in decisions].count("rollback") == 1
    assert world.record().count(("reject", "3", "2")) == 1
    last = decisions[-1]
    assert (last.exit_code, last.outputs["decision"]) == (Exit.DONE, "hold")
    assert "Nothing to roll out: challenger is version 3" in last.headline
    with pytest.raises(InputError, match="turned down") as problem:
        canary.run(canary.Inputs(), world)
    assert "--candidate 3" in problem.value.cure
    world.failing = {}
    assert canary.run(canary.Inputs(candidate="3"), world).outputs["decision"] == "promote"


def test_a_schedule_may_try_again_what_was_not_decided(world: FakeWorld) -> None:
    """A day of ticks without a request ends without a verdict; the next tick begins anew, with no word against it."""
    world.rate = 0
    tick = replace(TICK, allow_inconclusive=True)
    for _ in range(13):
        report = canary.run(tick, world)
        world.fake_clock.sleep(2 * 3600)
    assert (report.outputs["decision"], report.exit_code) == ("inconclusive", Exit.INCONCLUSIVE)
    assert canary.run(tick, world).outputs["reason"] == "the rollout has begun"


def test_a_schedule_does_not_undo_what_a_person_stopped(world: FakeWorld) -> None:
    """The rollback command stops a canary of ticks: the next tick leaves it stopped."""
    canary.run(TICK, world)
    go_back(world, "champion")
    assert canary.run(TICK, world).headline.startswith("Nothing to roll out")
    assert world.fake_router.read().share == 0


def test_ticks_have_a_day(world: FakeWorld) -> None:
    """Half an hour is for a run: an equal candidate whose ticks are ten minutes apart is promoted, not timed out."""
    reports = []
    for _ in range(30):
        reports.append(canary.run(TICK, world))
        if reports[-1].outputs["decision"] != "hold":
            break
        world.fake_clock.sleep(600)
    assert reports[-1].outputs["decision"] == "promote"


def test_late_ticks_see_what_the_candidate_did(world: FakeWorld) -> None:
    """The lease ended between two ticks: the failures of the time before it count as harm, and it gets no more."""
    world.failing = {"3": 1.0}
    canary.run(TICK, world)
    world.fake_clock.sleep(3600)
    report = canary.run(TICK, world)
    assert report.outputs["decision"] == "rollback"
    assert report.details["bad_requests"] == report.details["candidate_requests"] == 10 * 1800
    assert [value.split(":")[2] for value in world.fake_router.log][-2:] == ["500", "0"]


def test_late_ticks_promote_nothing(world: FakeWorld) -> None:
    """What was counted while the champion had all the traffic is no evidence that the candidate is good."""
    for _ in range(13):
        report = canary.run(TICK, world)
        world.fake_clock.sleep(2 * 3600)
    assert report.outputs["decision"] == "inconclusive"
    assert "deadline" in report.outputs["reason"]


def test_another_alias_of_the_same_version_goes_on(world: FakeWorld) -> None:
    """Ticks may name the candidate by any alias."""
    world.fake_registry.aliases[MODEL, "next"] = "3"
    tick = replace(TICK, candidate="next")
    canary.run(tick, world)
    world.fake_clock.sleep(30)
    assert canary.run(tick, world).outputs["decision"] == "hold"


def test_targets_have_their_own_history() -> None:
    """What staging serves is nothing that production has tried: each has a champion, an alias and a canary."""
    targets = dict.fromkeys(("staging", "production"), TARGET)
    settings = replace(CONFIG, targets=targets, canary=replace(CANARY, deadline=600))
    staging = FakeWorld(settings=settings)
    production = FakeWorld(settings=settings, fake_registry=staging.fake_registry, fake_ledger=staging.fake_ledger)
    staging.add_version()
    for place, name in ((staging, "staging"), (production, "production")):
        assert canary.run(canary.Inputs(target=name), place).outputs["reason"].startswith("first release")
    staging.add_version()
    assert canary.run(canary.Inputs(target="staging"), staging).outputs["decision"] == "promote"
    report = canary.run(canary.Inputs(target="production"), production)
    assert "version 2 failed 0 of" in report.outputs["reason"]
    rollback.run(rollback.Inputs(target="staging"), staging)
    aliases = staging.fake_registry.aliases
    assert (aliases[MODEL, "champion-staging"], aliases[MODEL, "champion-production"]) == ("1", "2")
    assert status.run(status.Inputs(target="production"), production).outputs["champion"] == "2"
    assert status.run(status.Inputs(target="staging"), staging).outputs["champion"] == "1"


def test_a_first_release_does_not_replace_what_serves(world: FakeWorld) -> None:
    """A target that is not in the ledger, but serves a version: that is recorded, not overwritten."""
    world.settings = replace(CONFIG, targets={"renamed": TARGET})
    with pytest.raises(InputError, match="no champion in the ledger, but slot green serves version 2") as problem:
        canary.run(canary.Inputs(), world)
    assert "rollback --target renamed --to 2" in problem.value.cure
    assert go_back(world, "2").exit_code is Exit.DONE
    assert canary.run(canary.Inputs(), world).outputs["decision"] == "promote"


def test_a_record_that_comes_late_is_true(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a refusal and its record somebody rolls back to another version: that one stays, in slot and ledger."""
    world.add_version()
    ledger = world.ledger
    moved: list[bool] = []

    def late(uri: str) -> object:
        """Let somebody roll back to version 4 before the refused canary reaches the ledger."""
        if phase(world) is Phase.ROLLED_BACK and not moved:
            moved.append(True)
            with monkeypatch.context() as patch:
                patch.setattr(world, "ledger", ledger)
                assert go_back(world, "4").exit_code is Exit.DONE
        return ledger(uri)

    monkeypatch.setattr(world, "ledger", late)
    world.failing["3"] = 0.5
    assert canary.run(canary.Inputs(candidate="3"), world).outputs["decision"] == "rollback"
    assert moved
    assert world.serves() == "4"
    assert world.record()[-1] == ("reject", "3", "4")


def test_a_rollback_to_what_serves_keeps_the_way_back(world: FakeWorld) -> None:
    """Version 2 was promoted over 1, warm in the other slot: `--to champion` deploys nothing over it."""
    deployed = len(world.fake_slots.deployed)
    assert go_back(world, "champion").exit_code is Exit.DONE
    assert (world.standby(), len(world.fake_slots.deployed)) == ("1", deployed)


def test_a_hook_that_runs_keeps_a_canary_and_a_standby_away(world: FakeWorld) -> None:
    """Another run fills the idle slot: nobody else's hook begins there, and no claim or share is left behind."""
    world.fake_router.held[world.fake_router.split.idle] = "another run"
    with pytest.raises(Conflict, match="another run"):
        canary.run(canary.Inputs(), world)
    assert world.fake_router.split.threshold == world.fake_router.split.lease == 0
    assert world.fake_slots.deployed[-1][1] == "2"


def test_a_rollback_takes_traffic_first_and_then_needs_the_slot(world: FakeWorld) -> None:
    """A version that no slot holds is deployed where another run's hook is at work: the canary has lost its traffic
    by then, and the same command goes on once that hook is through.
    """
    canary.run(TICK, world)
    held = world.fake_router.split.idle
    world.fake_router.held[held] = "another run"
    with contextlib.suppress(Conflict):
        go_back(world, "1")
    assert world.fake_router.split.threshold == 0
    del world.fake_router.held[held]
    assert go_back(world, "1").exit_code is Exit.DONE
    assert world.serves() == "1"


def test_a_rollback_waits_for_the_hook_where_traffic_is_to_go(world: FakeWorld) -> None:
    """The slot says what is asked for until that hook is through; then it is asked again, and filled again."""
    router, serve, begun = world.fake_router, world.fake_clock.each_second, world.fake_clock.now()
    idle = router.split.idle
    router.held[idle] = "another run"

    def one_second() -> None:
        serve()
        if idle in router.held and world.fake_clock.now() - begun >= 100:
            del router.held[idle]
            world.fake_slots.holds[idle] = release_of("3")

    world.fake_clock.each_second = one_second
    report = go_back(world, "1")
    assert (report.exit_code, world.serves()) == (Exit.DONE, "1")
    assert world.fake_slots.deployed[-1] == (idle, "1")
    assert any("Waiting until it is through" in line for line in world.lines)


@pytest.mark.parametrize("to", ["1", "3"])
def test_nobody_waits_three_times_for_a_hook_that_hangs(world: FakeWorld, to: str) -> None:
    """A rollback ends once a hook must have ended, whether the slot says what is asked for or has to be filled."""
    world.fake_router.held[world.fake_router.split.idle] = "another run"
    begun = world.fake_clock.now()
    with pytest.raises(Conflict, match="another run"):
        go_back(world, to)
    assert world.fake_clock.now() - begun < 1.5 * HELD_SECONDS
    assert world.serves() == "2"
