"""The canary command over a world in memory: every end, every interruption, and what each leaves behind."""

from dataclasses import replace

import pytest

from ml_cicd.commands import rollback
from ml_cicd.commands.canary import OUTPUTS, Inputs, run
from ml_cicd.gate.settings import WhenNoChampion
from ml_cicd.ground.errors import (
    Conflict,
    EvidenceError,
    Exit,
    InputError,
    IntegrityError,
    MlCicdError,
    OutsideError,
    Unreachable,
)
from ml_cicd.ground.operation import Receipt
from ml_cicd.ground.report import Report
from ml_cicd.registry.versions import Release
from ml_cicd.rollout import ending
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.settings import LADDER, WhenInconclusive
from ml_cicd.rollout.state import Decision, Phase
from tests.fakes.faults import Fault, Faults
from tests.fakes.traffic import FakeRouter
from tests.fakes.world import CANARY, CONFIG, GATE, MODEL, FakeWorld, digest_of, release_of


@pytest.fixture
def world() -> FakeWorld:
    """Version 1 released by the command itself, version 2 registered."""
    world = FakeWorld()
    world.add_version()
    assert run(Inputs(), world).exit_code is Exit.DONE
    world.add_version()
    return world


ANYWAY = Inputs(allow_inconclusive=True)
DEAD, BACK = 30, 90  # seconds of a rollout


def decision(report: Report) -> tuple[str, str, str]:
    """Return what a workflow reads."""
    assert set(report.outputs) == set(OUTPUTS)
    return report.outputs["decision"], report.outputs["share"], report.outputs["rolled-back"]


def state_phase(world: FakeWorld) -> Phase:
    """Return the phase beside the router."""
    assert world.fake_router.state is not None
    return world.fake_router.state.phase


def test_the_first_release_serves_at_once(world: FakeWorld) -> None:
    """Version 1 has nobody to be compared with: it serves, and ledger and alias say so."""
    assert (world.serves(), world.standby()) == ("1", "")
    assert world.record() == [("promote", "1", "1")]
    assert world.fake_registry.aliases[MODEL, "champion"] == "1"


def test_a_first_release_must_be_allowed() -> None:
    """Where the configuration does not speak of a first release, nothing is deployed."""
    world = FakeWorld(settings=replace(CONFIG, gate=replace(GATE, when_no_champion=WhenNoChampion.FAIL)))
    world.add_version()
    with pytest.raises(InputError, match="no champion") as problem:
        run(Inputs(), world)
    assert "first_release" in problem.value.cure
    assert world.fake_slots.deployed == []


def test_an_equal_candidate_is_promoted(world: FakeWorld) -> None:
    """All traffic, ledger and alias go to it; the previous champion stays warm in the other slot."""
    world.failing = {"1": 0.01, "2": 0.01}
    report = run(Inputs(), world)
    assert decision(report) == ("promote", "100", "false")
    assert (world.serves(), world.standby()) == ("2", "1")
    assert world.record()[-1] == ("promote", "2", "2")
    assert world.fake_registry.aliases[MODEL, "champion"] == "2"
    assert (world.fake_router.split.threshold, state_phase(world)) == (0, Phase.PROMOTED)


def test_the_share_climbs_step_by_step(world: FakeWorld) -> None:
    """No step is left out, and the router's number rises with every write."""
    run(Inputs(), world)
    values = [line.split(":") for line in world.fake_router.log]
    shares = list(dict.fromkeys(int(value[2]) for value in values))
    assert shares == [0, 500, 5000]
    numbers = [int(value[5]) for value in values]
    assert numbers == sorted(set(numbers))


def test_a_failing_candidate_is_rolled_back(world: FakeWorld) -> None:
    """Traffic is back at the champion, the ledger says why, and the report counts the bad requests."""
    world.failing = {"2": 0.2}
    report = run(Inputs(), world)
    assert decision(report) == ("rollback", "0", "true")
    assert report.exit_code is Exit.FAILED
    assert (world.serves(), world.fake_router.split.threshold, state_phase(world)) == ("1", 0, Phase.ROLLED_BACK)
    assert world.record()[-1] == ("reject", "2", "1")
    assert world.fake_registry.aliases[MODEL, "champion"] == "1"
    bad = report.details["bad_requests"]
    assert isinstance(bad, int)
    assert 0 < bad < 200
    assert f"failed {bad} of" in report.outputs["reason"]


def test_a_champion_that_was_dead_hides_no_harm(world: FakeWorld) -> None:
    """The candidate answered for it for a minute. What it fails afterwards is as soon found as without that."""
    world.settings = replace(world.settings, canary=replace(CANARY, minimum_duration=1000, deadline=2000))
    source, begun = world.fake_source, world.fake_clock.now()
    source.answers_for_another = True
    source.reaches = lambda slot: slot != "blue" or not DEAD <= world.fake_clock.now() - begun < BACK
    serve = world.fake_clock.each_second

    def one_second() -> None:
        before = source.served["blue"][0]
        world.failing = {"2": 0.9} if world.fake_clock.now() - begun >= BACK else {}
        serve()
        if not source.reaches("blue"):
            more = source.served["blue"][0] - before
            source.serve("blue", 0, more)
            source.away["blue"] = source.away.get("blue", 0) + more

    world.fake_clock.each_second = one_second
    report = run(Inputs(), world)
    assert decision(report) == ("rollback", "0", "true")
    bad = report.details["bad_requests"]
    assert isinstance(bad, int)
    assert 0 < bad <= 1350  # three looks


def test_a_rollback_puts_the_standby_back(world: FakeWorld) -> None:
    """The candidate took the warm standby's slot; after the rollback the standby is there again."""
    run(Inputs(), world)
    world.add_version()
    world.failing = {"3": 0.3}
    assert decision(run(Inputs(), world))[0] == "rollback"
    assert (world.serves(), world.standby()) == ("2", "1")


def test_without_traffic_the_deadline_is_inconclusive(world: FakeWorld) -> None:
    """No request, no evidence: never a promotion, and nothing is said against the candidate."""
    world.rate = 0
    report = run(ANYWAY, world)
    assert (decision(report), report.exit_code) == (("inconclusive", "0", "true"), Exit.INCONCLUSIVE)
    assert report.headline.startswith("Inconclusive at 5 %: deadline reached before the evidence could tell")
    assert "--candidate 2" in report.cure
    assert (world.serves(), world.fake_router.split.threshold, state_phase(world)) == ("1", 0, Phase.HELD)
    assert world.record() == [("promote", "1", "1"), ("ended", "2", "1")]


@pytest.mark.parametrize("setting", [WhenInconclusive.ROLLBACK, WhenInconclusive.HOLD, WhenInconclusive.PROMOTE])
def test_no_setting_makes_harm_of_a_deadline(world: FakeWorld, setting: WhenInconclusive) -> None:
    """Whatever is configured, without traffic the end is exit 11 and an `ended` in the ledger, never a `reject`."""
    world.rate = 0
    world.settings = replace(CONFIG, canary=replace(CANARY, when_inconclusive=setting))
    report = run(ANYWAY, world)
    assert (decision(report), report.exit_code) == (("inconclusive", "0", "true"), Exit.INCONCLUSIVE)
    assert world.record()[-1] == ("ended", "2", "1")


@pytest.mark.parametrize("mode", ["run", "tick"])
def test_what_was_not_decided_may_be_tried_again(world: FakeWorld, mode: str) -> None:
    """The same command begins anew, by the alias too: a version that time ran out for is not turned down."""
    world.rate = 0
    assert run(ANYWAY, world).exit_code is Exit.INCONCLUSIVE
    world.rate = 200
    assert run(Inputs(mode=mode), world).outputs["decision"] == ("promote" if mode == "run" else "hold")
    assert state_phase(world) is (Phase.PROMOTED if mode == "run" else Phase.RUNNING)


def test_an_end_without_evidence_does_not_clear_a_version(world: FakeWorld) -> None:
    """A version that did harm, and that time ran out for when it was tried again, is still turned down."""
    world.failing = {"2": 0.5}
    assert run(Inputs(), world).exit_code is Exit.FAILED
    world.rate = 0
    assert run(replace(ANYWAY, candidate="2"), world).exit_code is Exit.INCONCLUSIVE
    with pytest.raises(InputError, match="turned down"):
        run(Inputs(), world)


def test_an_inconclusive_end_puts_the_standby_back(world: FakeWorld) -> None:
    """The candidate took the warm standby's slot, and it goes for want of evidence: the standby is there again."""
    run(Inputs(), world)
    world.add_version()
    world.rate = 0
    assert run(ANYWAY, world).exit_code is Exit.INCONCLUSIVE
    assert (world.serves(), world.standby()) == ("2", "1")


def test_an_end_that_cannot_be_recorded_is_finished_later(world: FakeWorld) -> None:
    """The registry is away at the deadline: traffic is back, exit 12, and the command that it names writes `ended`."""
    world.rate = 0
    append = world.fake_ledger.append_entry

    def die(name: str, entry: object) -> None:
        """Fail as a dead server does."""
        raise Unreachable("The registry does not answer.", cure="Mend it.")

    world.fake_ledger.append_entry = die  # type: ignore[method-assign,assignment]
    report = run(ANYWAY, world)
    assert (report.exit_code, decision(report)) == (Exit.PARTLY, ("inconclusive", "0", "true"))
    assert "rollback --target production --to champion" in report.cure
    world.fake_ledger.append_entry = append  # type: ignore[method-assign]
    for _ in range(2):
        assert rollback.run(rollback.Inputs(to="champion"), world).exit_code is Exit.DONE
    assert world.record() == [("promote", "1", "1"), ("ended", "2", "1")]


@pytest.mark.parametrize("partly", [False, True])
@pytest.mark.parametrize("decided", Decision)
def test_a_loss_of_traffic_is_never_a_success(decided: Decision, *, partly: bool) -> None:
    """Over every decision and receipt: exit 0 never says `rolled-back`, and 10 is harm alone."""
    receipt = Receipt(problem="The registry does not answer." if partly else "")
    found = ending.report(ending.Ending(decision=decided, share="0", reason="because", receipt=receipt))
    assert (found.outputs["rolled-back"] == "true") <= (found.exit_code is not Exit.DONE)
    assert (found.exit_code is Exit.FAILED) == (decided is Decision.ROLLBACK and not partly)
    assert (found.exit_code is Exit.INCONCLUSIVE) == (decided is Decision.INCONCLUSIVE and not partly)
    assert (found.exit_code is Exit.PARTLY) == partly


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.CANCEL_BEFORE, Fault.CANCEL_AFTER])
@pytest.mark.parametrize("end", ["harm", "deadline"])
def test_no_fault_turns_a_loss_of_traffic_into_a_success(end: str, fault: Fault) -> None:
    """Whatever call fails while a candidate loses its traffic, the run ends red, and the traffic is back."""

    def losing() -> FakeWorld:
        """Version 2 about to lose its traffic."""
        world = FakeWorld(settings=replace(CONFIG, canary=replace(CANARY, deadline=30)))
        world.add_version()
        run(Inputs(), world)
        world.add_version()
        world.failing, world.rate = ({"2": 1.0}, 200) if end == "harm" else ({}, 0)
        return world

    calls = calls_of(losing(), ANYWAY)
    for at in range(calls):
        world = losing()
        with Faults(world, at=at, fault=fault):
            try:
                report = run(ANYWAY, world)
            except (MlCicdError, KeyboardInterrupt):
                continue
        assert report.exit_code in {Exit.FAILED, Exit.INCONCLUSIVE, Exit.PARTLY}, at
        assert report.exit_code is not Exit.FAILED or end == "harm", at
        assert (world.serves(), world.fake_router.read().share) == ("1", 0), at


@pytest.mark.parametrize("broken_split", [0.2, 3.0])
def test_a_share_that_is_not_the_written_one_promotes_nothing(world: FakeWorld, broken_split: float) -> None:
    """A router that splits otherwise than told makes the evidence unusable: the deadline ends it."""
    serve = world.fake_source.serve

    def skewed(slot: str, requests: int, errors: int) -> None:
        """Give the candidate another share than the one written."""
        serve(slot, round(requests * broken_split) if slot == "green" else requests, errors)

    world.fake_source.serve = skewed  # type: ignore[method-assign]
    report = run(Inputs(), world)
    assert (decision(report), report.exit_code) == (("inconclusive", "0", "true"), Exit.INCONCLUSIVE)
    assert "not the one written to the router (mismatch)" in report.headline
    assert world.record()[-1] == ("ended", "2", "1")


class Interrupting(FakeWorld):
    """A world in which a signal comes after `seconds`."""

    seconds = 0
    signal: BaseException = KeyboardInterrupt()

    def _one_second(self) -> None:
        super()._one_second()
        if self.seconds:
            self.seconds -= 1
            if self.seconds == 0:
                raise self.signal


@pytest.mark.parametrize("signal", [KeyboardInterrupt(), ZeroDivisionError(), SystemExit(1)])
def test_an_interrupted_run_takes_all_traffic_back(signal: BaseException) -> None:
    """Ctrl-C, a cancelled job or a bug of ours: the champion serves everything before the process ends."""
    world = Interrupting()
    world.add_version()
    run(Inputs(), world)
    world.add_version()
    world.seconds, world.signal = 12, signal
    with pytest.raises(type(signal)):
        run(Inputs(), world)
    assert (world.serves(), world.fake_router.split.threshold, state_phase(world)) == ("1", 0, Phase.HELD)
    assert world.record() == [("promote", "1", "1")]
    assert decision(run(Inputs(), world)) == ("promote", "100", "false")


def calls_of(world: FakeWorld, inputs: Inputs) -> int:
    """Return how many calls to the outside a run without faults makes."""
    with Faults(world) as counted:
        run(inputs, world)
    return counted.calls


@pytest.mark.parametrize("fault", [Fault.CANCEL_BEFORE, Fault.CANCEL_AFTER])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_cancelled_at_any_call_takes_all_traffic_back(fault: Fault, *, resumed: bool) -> None:
    """From the first write of the first share to the last alias: no moment leaves traffic at the candidate."""

    def begun() -> FakeWorld:
        """Version 2 about to be rolled out, or left by a killed run."""
        world = FakeWorld()
        world.add_version()
        run(Inputs(), world)
        world.add_version()
        if resumed:
            killed_in_the_middle(world)
            world.fake_clock.sleep(61)
        return world

    calls = calls_of(begun(), Inputs())
    assert calls > 50
    for at in range(calls):
        world = begun()
        with Faults(world, at=at, fault=fault), pytest.raises(KeyboardInterrupt):
            run(Inputs(), world)
        assert world.fake_router.read().share == 0, at
        assert run(Inputs(), world).exit_code is Exit.DONE, at
        assert (world.serves(), world.record()[-1]) == ("2", ("promote", "2", "2")), at


def test_only_its_own_rollout_is_stopped(world: FakeWorld) -> None:
    """Somebody stops this rollout and begins another while the run waits: cancelling the run stops only its own."""
    usurped = False

    def usurp() -> None:
        """End the rollout at once, begin another one, and cancel the first run."""
        nonlocal usurped
        FakeWorld._one_second(world)
        state = world.fake_router.state
        if not usurped and state is not None and state.phase is Phase.RUNNING:
            usurped = True
            split = world.fake_router.split
            world.fake_router.split = replace(split, seq=split.seq + 1)
            world.fake_router.state = replace(state, owner="somebody else")
            raise KeyboardInterrupt

    world.fake_clock.each_second = usurp
    with pytest.raises(KeyboardInterrupt):
        run(Inputs(), world)
    assert state_phase(world) is Phase.RUNNING
    assert world.fake_router.split.threshold == 500


def test_ticks_go_on_where_the_last_one_stopped(world: FakeWorld) -> None:
    """Each tick is one look by a new process; together they decide what one run would."""
    tick = Inputs(mode="tick")
    reports = []
    for _ in range(200):
        reports.append(run(tick, world))
        if reports[-1].outputs["decision"] != "hold":
            break
        world.fake_clock.sleep(10)
    assert decision(reports[-1]) == ("promote", "100", "false")
    assert len(reports) > 5
    assert {r.exit_code for r in reports} == {Exit.DONE}
    assert [r.outputs["share"] for r in reports][:2] == ["5", "5"]


def test_a_tick_that_finds_harm_ends_red(world: FakeWorld) -> None:
    """A tick rolls back by itself."""
    world.failing = {"2": 0.5}
    tick = Inputs(mode="tick")
    run(tick, world)
    world.fake_clock.sleep(30)
    report = run(tick, world)
    assert (decision(report), report.exit_code) == (("rollback", "0", "true"), Exit.FAILED)


def killed_in_the_middle(world: FakeWorld) -> None:
    """Leave what a killed run leaves: state and lease beside the router, and nobody who renews it."""
    run(Inputs(mode="tick"), world)
    world.fake_router.split = replace(world.fake_router.split, lease=int(world.fake_clock.now()) + 60)


def test_a_dead_runner_leaves_no_traffic_at_the_candidate(world: FakeWorld) -> None:
    """The lease passes, and the router itself gives everything to the champion; status says so."""
    killed_in_the_middle(world)
    assert world.fake_router.read().share == 500
    world.fake_clock.sleep(61)
    assert world.fake_router.read().share == 0
    before = world.fake_source.served["green"]
    world.fake_clock.sleep(10)
    assert world.fake_source.served["green"] == before


def test_a_later_run_goes_on_after_a_dead_one(world: FakeWorld) -> None:
    """When the lease has passed, the next run takes the rollout up where it was and ends it."""
    killed_in_the_middle(world)
    started = world.fake_router.state
    world.fake_clock.sleep(61)
    assert decision(run(Inputs(), world)) == ("promote", "100", "false")
    assert world.fake_router.state is not None
    assert started is not None
    assert world.fake_router.state.run_id == started.run_id


def test_two_runs_at_once(world: FakeWorld) -> None:
    """While one run holds the lease, another one refuses and changes nothing."""
    killed_in_the_middle(world)
    value = world.fake_router.split
    with pytest.raises(Conflict, match="somebody else") as problem:
        run(Inputs(), world)
    assert "rollback --target production --to champion" in problem.value.cure
    assert world.fake_router.split == value


def test_a_third_version_waits(world: FakeWorld) -> None:
    """Another candidate does not take a running rollout's place."""
    killed_in_the_middle(world)
    world.fake_clock.sleep(61)
    with pytest.raises(Conflict, match="not finished"):
        run(Inputs(candidate=world.add_version()), world)


def test_a_changed_plan_does_not_go_on(world: FakeWorld) -> None:
    """Evidence collected under one configuration decides nothing under another."""
    killed_in_the_middle(world)
    world.fake_clock.sleep(61)
    world.settings = replace(CONFIG, canary=replace(CANARY, guardrails={"errors": ErrorsSettings(margin=0.4)}))
    with pytest.raises(InputError, match="another canary configuration"):
        run(Inputs(), world)


def test_somebody_else_writes_to_the_router(world: FakeWorld) -> None:
    """A run that finds another number beside the value stops, and does not fight."""

    def meddle() -> None:
        """Write once, as another process would."""
        FakeWorld._one_second(world)
        if world.fake_router.split.threshold == 500:
            split = world.fake_router.split
            world.fake_router.split = replace(split, threshold=0, seq=split.seq + 1)
            assert world.fake_router.state is not None
            world.fake_router.state = replace(world.fake_router.state, owner="somebody else")

    world.fake_clock.each_second = meddle
    with pytest.raises(Conflict, match="Another run"):
        run(Inputs(), world)


def test_a_router_that_stays_away_ends_the_run(world: FakeWorld) -> None:
    """Silence is held for half a lease; then the run ends, and the lease takes the traffic back."""

    def cut() -> None:
        """Break the router as soon as the canary serves."""
        FakeWorld._one_second(world)
        world.fake_router.broken = world.fake_router.split.threshold > 0

    world.fake_clock.each_second = cut
    with pytest.raises(OutsideError):
        run(Inputs(), world)
    world.fake_clock.each_second = lambda: None
    world.fake_router.broken = False
    world.fake_clock.sleep(61)
    assert world.fake_router.read().share == 0


def test_a_short_silence_is_survived(world: FakeWorld) -> None:
    """A router that answers again within half a lease costs nothing."""
    silent = iter(range(1_000_000))

    def cut() -> None:
        """Break the router for ten seconds."""
        FakeWorld._one_second(world)
        world.fake_router.broken = 20 <= next(silent) < 30

    world.fake_clock.each_second = cut
    assert decision(run(Inputs(), world)) == ("promote", "100", "false")
    assert any(line.startswith("Holding:") for line in world.lines)


def test_a_registry_that_dies_at_promotion_takes_traffic_back(world: FakeWorld) -> None:
    """No ledger, no promotion: all traffic goes back at once."""

    def die(name: str, entry: object) -> None:
        """Fail as a dead server does."""
        raise Unreachable("The registry does not answer.", cure="Mend it.")

    world.fake_ledger.append_entry = die  # type: ignore[method-assign,assignment]
    with pytest.raises(Unreachable):
        run(Inputs(), world)
    assert (world.serves(), world.fake_router.split.threshold, state_phase(world)) == ("1", 0, Phase.HELD)


def test_an_alias_that_cannot_move_is_reported(world: FakeWorld) -> None:
    """Ledger and traffic are done: exit 12, what is missing, and the command that finishes it; which then does."""
    set_alias = world.fake_registry.set_alias

    def die(name: str, alias: str, version: str) -> bool:
        """Fail as a dead server does."""
        raise Unreachable("The registry does not answer.", cure="Mend it.")

    world.fake_registry.set_alias = die  # type: ignore[method-assign]
    report = run(Inputs(), world)
    assert (report.exit_code, decision(report)) == (Exit.PARTLY, ("promote", "100", "false"))
    assert report.receipt is not None
    assert report.receipt.not_done == ("Point alias champion of digits at 2",)
    assert report.receipt.cures == ("ml-cicd canary --target production --candidate 2",)
    world.fake_registry.set_alias = set_alias  # type: ignore[method-assign]
    again = run(Inputs(target="production", candidate="2"), world)
    assert (again.exit_code, world.fake_registry.aliases[MODEL, "champion"]) == (Exit.DONE, "2")
    assert world.record() == [("promote", "1", "1"), ("promote", "2", "2")]


def test_a_router_that_dies_between_ledger_and_traffic(world: FakeWorld) -> None:
    """The ledger has the promotion but traffic did not move: the next run moves it."""
    write = FakeRouter.set_split

    def die(split: object, state: object, *, expect_seq: int, seen: object = (), urgent: bool = False) -> None:
        """Fail only for the write that swaps the slots."""
        if getattr(split, "serving", "") == "green":
            raise Unreachable("The router does not answer.", cure="Mend it.")
        return write(  # type: ignore[return-value]
            world.fake_router,
            split,  # type: ignore[arg-type]
            state,  # type: ignore[arg-type]
            expect_seq=expect_seq,
            seen=seen,  # type: ignore[arg-type]
            urgent=urgent,
        )

    world.fake_router.set_split = die  # type: ignore[method-assign,assignment]
    report = run(Inputs(), world)
    assert report.exit_code is Exit.PARTLY
    assert (world.serves(), world.record()[-1]) == ("1", ("promote", "2", "2"))
    del world.fake_router.set_split
    world.fake_clock.sleep(61)
    assert run(Inputs(candidate="2"), world).exit_code is Exit.DONE
    assert (world.serves(), world.standby()) == ("2", "1")


def test_the_champion_again_changes_nothing(world: FakeWorld) -> None:
    """To roll out what serves already is done at once."""
    value = world.fake_router.split
    report = run(Inputs(candidate="1"), world)
    assert decision(report) == ("promote", "100", "false")
    assert (world.fake_router.split, world.record()) == (value, [("promote", "1", "1")])


def test_a_version_without_a_passing_verdict_is_refused(world: FakeWorld) -> None:
    """What came into the registry past the gate does not reach traffic."""
    number = world.add_version(verdict="fail")
    with pytest.raises(EvidenceError, match="passing gate verdict"):
        run(Inputs(candidate=number), world)


def test_an_unknown_candidate_names_what_there_is(world: FakeWorld) -> None:
    """A typing error in the candidate costs one look at the message."""
    with pytest.raises(InputError, match="no version or alias 'chalenger'") as problem:
        run(Inputs(candidate="chalenger"), world)
    assert "challenger" in problem.value.cure


def test_a_champion_slot_with_other_bytes_starts_nothing(world: FakeWorld) -> None:
    """If the slot that serves is not what the ledger says, a comparison with it would prove nothing."""
    world.fake_slots.holds["blue"] = Release(version="1", digest=digest_of("9"))
    with pytest.raises(IntegrityError):
        run(Inputs(), world)
    assert world.fake_router.split.threshold == 0


@pytest.mark.parametrize("slot", ["green", "blue"])
@pytest.mark.parametrize("mode", ["run", "tick"])
def test_a_deployment_into_a_slot_stops_the_canary(world: FakeWorld, slot: str, mode: str) -> None:
    """Whatever comes into an arm while the canary runs was not judged: all traffic goes back, nothing is promoted."""
    run(Inputs(mode="tick"), world)
    world.fake_clock.sleep(3700)
    world.fake_slots.holds[slot] = release_of("7")
    with pytest.raises(IntegrityError, match=f"Slot {slot} now serves version 7"):
        run(Inputs(mode=mode), world)
    assert (world.fake_router.split.threshold, state_phase(world)) == (0, Phase.HELD)
    assert world.record() == [("promote", "1", "1")]


def test_a_slot_that_says_nothing_is_not_promoted(world: FakeWorld) -> None:
    """Its requests may all be well, but nobody can tell which bytes answer them."""
    counted = iter(range(1_000_000))

    def fall_silent() -> None:
        """Forget who it is after a while; it answers requests on."""
        FakeWorld._one_second(world)
        if next(counted) == 10:
            del world.fake_slots.holds["green"]

    world.fake_clock.each_second = fall_silent
    with pytest.raises(Unreachable, match="Slot green should serve version 2"):
        run(Inputs(), world)
    assert (world.serves(), world.fake_router.split.threshold) == ("1", 0)


def test_a_failing_hook_starts_nothing(world: FakeWorld) -> None:
    """The candidate cannot be deployed: it never gets traffic, and its claim on the slot is given back."""
    world.fake_slots.broken = True
    with pytest.raises(OutsideError, match="deploy hook"):
        run(Inputs(), world)
    assert [value.split(":")[2] for value in world.fake_router.log] == ["0", "0", "0"]
    assert (state_phase(world), world.fake_router.read().claimed) == (Phase.HELD, False)
    assert "all traffic is back" not in "".join(world.lines)


def test_a_dry_run_shows_the_plan(world: FakeWorld) -> None:
    """The steps with the requests that each needs, and nothing moves."""
    value = world.fake_router.split
    report = run(Inputs(dry_run=True), world)
    assert "Would roll out version 2 over 1" in report.outputs["reason"]
    assert [row[0] for row in report.tables[0].rows] == [5, 50]
    assert (world.fake_router.split, world.fake_slots.deployed) == (value, [("blue", "1")])


def test_a_dry_run_of_a_dead_rollout_changes_nothing(world: FakeWorld) -> None:
    """A rollout whose runner died is there to go on with; looking at it does not go on."""
    killed_in_the_middle(world)
    world.fake_clock.sleep(61)
    value, state = world.fake_router.split, world.fake_router.state
    assert run(Inputs(dry_run=True), world).headline.startswith("Would go on.")
    assert (world.fake_router.split, world.fake_router.state) == (value, state)


SLOW = replace(CONFIG, canary=replace(CANARY, guardrails={"errors": ErrorsSettings(margin=0.001)}))


def everything(world: FakeWorld) -> tuple[object, ...]:
    """Return all that a canary may write."""
    router = world.fake_router
    return router.split, router.state, router.log[:], world.fake_slots.deployed[:], world.record()


def test_minutes_are_told_before_anything_is_written(world: FakeWorld) -> None:
    """At the traffic and the error rate of the router's own counters, in the dry run, in a line and in the report."""
    world.failing = {"1": 0.02, "2": 0.02}
    before = everything(world)
    dry = run(Inputs(dry_run=True), world)
    assert everything(world) == before
    assert dry.tables[0].header == ("share", "margin", "candidate requests needed", "minutes")
    report = run(Inputs(), world)
    assert dry.tables[0] in report.tables
    said = "minutes at 200 requests/s and 1.95% errors, each step counted by itself; the deadline comes after 10."
    assert said in dry.notes[0]
    assert any(said in note for note in report.notes)
    assert any(said in line and "Candidate requests needed: 5 %: " in line for line in world.lines)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_plan_that_cannot_end_is_refused(world: FakeWorld, *, dry_run: bool) -> None:
    """Before any write, with the ways out; a dry run says the same."""
    world.settings, world.rate = SLOW, 50
    before = everything(world)
    with pytest.raises(
        InputError, match=r"this rollout takes about \d+ minutes, and its deadline comes after 10"
    ) as no:
        run(Inputs(dry_run=dry_run), world)
    assert everything(world) == before
    assert "--deadline-minutes" in no.value.cure
    assert "wider margin (errors 0.0" in no.value.cure


def test_a_plan_that_cannot_end_may_be_tried(world: FakeWorld) -> None:
    """With `allow-inconclusive`, and it ends without a verdict, as foretold."""
    world.settings, world.rate = SLOW, 50
    assert run(ANYWAY, world).exit_code is Exit.INCONCLUSIVE


def test_the_longer_deadline_that_it_names_is_enough(world: FakeWorld) -> None:
    """The refusal's own number, given back as the input, leads to a promotion."""
    world.settings, world.rate = SLOW, 60
    with pytest.raises(InputError) as no:
        run(Inputs(), world)
    named = no.value.cure.partition("--deadline-minutes ")[2].partition(")")[0]
    assert run(Inputs(deadline_minutes=named), world).outputs["decision"] == "promote"


def test_without_traffic_nothing_begins(world: FakeWorld) -> None:
    """A target that nobody asks cannot compare anything: refused, and nothing is touched."""
    world.rate = 0
    before = everything(world)
    with pytest.raises(InputError, match="No request came in 5 s") as no:
        run(Inputs(), world)
    assert everything(world) == before
    assert "--allow-inconclusive true" in no.value.cure


def test_who_promotes_at_the_deadline_is_not_asked(world: FakeWorld) -> None:
    """The configuration takes the risk itself, so the forecast is told, and refuses nothing."""
    promotes = replace(SLOW.canary, when_inconclusive=WhenInconclusive.PROMOTE)
    world.settings, world.rate = replace(SLOW, canary=promotes), 60
    report = run(Inputs(), world)
    assert decision(report) == ("promote", "100", "false")
    assert "the configuration promotes" in report.outputs["reason"]


@pytest.mark.parametrize(("rate", "first"), [(19, 500), (40, 100)])
def test_scarce_traffic_leaves_the_first_step_out(world: FakeWorld, rate: int, first: int) -> None:
    """Where the configuration writes no steps: decided once, and kept when traffic grows."""
    world.settings = replace(CONFIG, canary=replace(CANARY, steps=LADDER))
    world.rate = rate
    report = run(replace(ANYWAY, mode="tick"), world)
    assert world.fake_router.split.threshold == first
    assert any("first step is left out" in note for note in report.notes) == (first == 500)
    world.rate = 400
    world.fake_clock.sleep(10)
    run(Inputs(mode="tick"), world)
    assert world.fake_router.split.threshold >= first
    world.fake_clock.sleep(1900)
    assert decision(run(Inputs(), world)) == ("promote", "100", "false")
    shares = {int(value.split(":")[2]) for value in world.fake_router.log}
    assert (100 in shares) == (first == 100)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "99999999"])
def test_a_deadline_must_be_minutes(world: FakeWorld, text: str) -> None:
    """A deadline that is no count of minutes is refused before anything is touched."""
    with pytest.raises(InputError, match="deadline-minutes"):
        run(Inputs(deadline_minutes=text), world)


def test_the_deadline_input_wins(world: FakeWorld) -> None:
    """Three minutes mean three minutes."""
    world.rate = 0
    begun = world.fake_clock.now()
    run(Inputs(deadline_minutes="3", allow_inconclusive=True), world)
    assert 180 <= world.fake_clock.now() - begun < 240


def test_a_rollout_that_could_not_be_recorded_is_not_begun(world: FakeWorld) -> None:
    """Nobody named a registry: refused before anything is written."""
    world.settings = replace(world.settings, registry=None)
    split = world.fake_router.split
    with pytest.raises(InputError, match="No registry is given"):
        run(Inputs(), world)
    assert world.fake_router.split == split


@pytest.mark.parametrize(("failing", "code"), [(0.0, Exit.DONE), (0.02, Exit.INCONCLUSIVE)])
def test_a_clock_that_is_put_back_delays_nothing(world: FakeWorld, failing: float, code: Exit) -> None:
    """An hour less on the clock is a look that came at once: promotion and deadline come when they would have."""
    world.failing = {"1": failing, "2": failing}
    rules = replace(world.settings.canary, minimum_requests=100 if code is Exit.DONE else 10_000_000)
    world.settings = replace(world.settings, canary=rules)
    slept: list[float] = []
    sleep = world.fake_clock.sleep

    def put_back(seconds: float) -> None:
        """Let time pass; once, an hour is taken off."""
        sleep(seconds)
        slept.append(seconds)
        if len(slept) == 12:
            world.fake_clock.time -= 3600

    world.fake_clock.sleep = put_back  # type: ignore[method-assign]
    report = run(Inputs(allow_inconclusive=True), world)
    assert report.exit_code is code
    assert sum(slept) < rules.deadline + 60
    times = [row[0] for row in report.details["observations"]]  # type: ignore[attr-defined]
    assert times == sorted(times)
