"""The rollback command over a world in memory: traffic first, and a second run changes nothing."""

from dataclasses import replace

import pytest

from ml_cicd.commands import canary
from ml_cicd.commands.rollback import OUTPUTS, Inputs, run
from ml_cicd.ground.errors import Exit, InputError, IntegrityError, OutsideError, Unreachable
from ml_cicd.ground.report import Report
from ml_cicd.registry.versions import Release
from tests.fakes.faults import Faults, Kill
from tests.fakes.world import MODEL, FakeWorld, digest_of, release_of


@pytest.fixture
def world() -> FakeWorld:
    """Versions 1 and 2 were released in this order; 2 serves, 1 is the standby, 3 is registered."""
    world = FakeWorld()
    for _ in range(2):
        world.add_version()
        assert canary.run(canary.Inputs(), world).exit_code is Exit.DONE
    world.add_version()
    return world


def moved(report: Report) -> tuple[str, str, str, str]:
    """Return what a workflow reads."""
    assert set(report.outputs) == set(OUTPUTS)
    return (
        report.outputs["rolled-back"],
        report.outputs["from-version"],
        report.outputs["to-version"],
        report.outputs["verified"],
    )


@pytest.mark.parametrize("to", ["previous", "last-good", "1"])
def test_back_to_the_version_before(world: FakeWorld, to: str) -> None:
    """Slots swap, ledger and alias follow, and new requests are seen to arrive there."""
    report = run(Inputs(to=to, reason="too slow"), world)
    assert (moved(report), report.exit_code) == (("true", "2", "1", "true"), Exit.DONE)
    assert (world.serves(), world.standby()) == ("1", "2")
    assert world.record()[-1] == ("rollback", "2", "1")
    assert world.fake_registry.aliases[MODEL, "champion"] == "1"
    entry = world.fake_ledger.read(MODEL).entries[-1]
    assert (entry.reason, entry.actor) == ("too slow", "ann")


@pytest.mark.parametrize("to", ["previous", "last-good", "1"])
def test_a_second_run_changes_nothing(world: FakeWorld, to: str) -> None:
    """At night the button is pressed twice: the same version serves, and nothing is written."""
    run(Inputs(to=to), world)
    value, record = world.fake_router.split, world.record()
    again = run(Inputs(to=to), world)
    assert (moved(again), again.exit_code) == (("false", "1", "1", "true"), Exit.DONE)
    assert (world.fake_router.split, world.record()) == (value, record)


def test_no_deployment_is_needed_for_the_standby(world: FakeWorld) -> None:
    """The idle slot holds the previous champion, so a rollback moves traffic alone."""
    before = list(world.fake_slots.deployed)
    run(Inputs(), world)
    assert world.fake_slots.deployed == before


def test_a_version_that_no_slot_holds_is_deployed_first(world: FakeWorld) -> None:
    """The plan says so beforehand; traffic moves only after the slot says who it is."""
    report = run(Inputs(to="3"), world)
    assert moved(report) == ("true", "2", "3", "true")
    assert (world.serves(), world.standby()) == ("3", "2")
    assert any("deployed first" in line for line in world.lines)


def test_a_failing_hook_moves_no_traffic(world: FakeWorld) -> None:
    """Version 3 cannot be deployed: version 2 serves on, and the error says why."""
    world.fake_slots.broken = True
    value = world.fake_router.split
    with pytest.raises(OutsideError, match="deploy hook"):
        run(Inputs(to="3"), world)
    assert (world.fake_router.split, world.record()[-1]) == (value, ("promote", "2", "2"))


def test_a_running_canary_is_stopped(world: FakeWorld) -> None:
    """All traffic returns to the champion, the ledger names the candidate, and the standby comes back."""
    canary.run(canary.Inputs(mode="tick"), world)
    assert world.fake_router.split.threshold == 500
    report = run(Inputs(to="last-good", reason="cancelled"), world)
    assert moved(report) == ("true", "2", "2", "true")
    assert (world.serves(), world.standby(), world.fake_router.split.threshold) == ("2", "1", 0)
    assert world.record()[-1] == ("reject", "3", "2")
    again = run(Inputs(to="last-good"), world)
    assert moved(again) == ("false", "2", "2", "true")


def test_back_in_the_middle_of_a_canary(world: FakeWorld) -> None:
    """To the version before the champion while a canary holds its slot: the canary stops first."""
    canary.run(canary.Inputs(mode="tick"), world)
    assert moved(run(Inputs(to="1"), world)) == ("true", "2", "1", "true")
    assert world.serves() == "1"
    shares = [int(line.split(":")[2]) for line in world.fake_router.log]
    assert shares[-2:] == [0, 0]


def test_after_a_rolled_back_canary_the_champion_stays(world: FakeWorld) -> None:
    """The safety net of the pipeline runs after every failure: it must not go further back."""
    world.failing = {"3": 0.5}
    canary.run(canary.Inputs(), world)
    assert moved(run(Inputs(to="last-good"), world)) == ("false", "2", "2", "true")


def test_a_dead_registry_does_not_keep_traffic_where_it_is(world: FakeWorld) -> None:
    """Traffic moves; the record is reported as not done, with the command that writes it."""
    registry = world.fake_registry

    def dead(_uri: str) -> None:
        """Fail as a dead server does."""
        raise Unreachable("The registry does not answer.", cure="Mend it.")

    world.registry = world.ledger = dead  # type: ignore[method-assign,assignment]
    report = run(Inputs(), world)
    assert (report.exit_code, moved(report)) == (Exit.PARTLY, ("true", "2", "1", "true"))
    assert world.serves() == "1"
    assert report.receipt is not None
    assert report.receipt.not_done
    assert "ml-cicd rollback --target production --to 1" in report.cure
    del world.registry, world.ledger
    again = run(Inputs(to="1"), world)
    assert (again.exit_code, world.record()[-1]) == (Exit.DONE, ("rollback", "2", "1"))
    assert registry.aliases[MODEL, "champion"] == "1"


def test_champion_only_stops_a_canary(world: FakeWorld) -> None:
    """What the safety net of a pipeline runs: it never takes a champion's traffic away, whatever happened before."""
    for _ in range(2):
        assert moved(run(Inputs(to="champion"), world)) == ("false", "2", "2", "true")
    canary.run(canary.Inputs(mode="tick"), world)
    assert moved(run(Inputs(to="champion"), world)) == ("true", "2", "2", "true")
    assert (world.record()[-1], world.standby()) == (("reject", "3", "2"), "1")
    value, record = world.fake_router.split, world.record()
    assert moved(run(Inputs(to="champion"), world)) == ("false", "2", "2", "true")
    assert (world.fake_router.split, world.record()) == (value, record)


@pytest.mark.parametrize("by", ["canary", "rollback"])
def test_a_rejection_that_the_registry_missed_is_written_later(world: FakeWorld, by: str) -> None:
    """The registry is dead while a candidate loses its traffic; the command of the receipt writes it afterwards."""

    def dead(_name: str, _entry: object) -> None:
        """Fail as a dead server does."""
        raise Unreachable("The registry does not answer.", cure="Start it.")

    world.fake_ledger.append_entry = dead  # type: ignore[method-assign,assignment]
    if by == "canary":
        world.failing = {"3": 0.5}
        report = canary.run(canary.Inputs(), world)
    else:
        canary.run(canary.Inputs(mode="tick"), world)
        report = run(Inputs(to="champion"), world)
    assert report.exit_code is Exit.PARTLY
    del world.fake_ledger.append_entry
    assert report.receipt is not None
    to = report.receipt.cures[0].rpartition(" ")[2]
    for _ in range(2):
        assert run(Inputs(to=to), world).exit_code is Exit.DONE
        assert world.record()[-2:] == [("promote", "2", "2"), ("reject", "3", "2")]


def test_requests_that_go_elsewhere_are_not_a_success(world: FakeWorld) -> None:
    """The router reads back right, but the other slot's counter still grows: exit 12."""

    def stuck() -> None:
        """Serve from the old slot, whatever the router says."""
        world.fake_source.serve("green", 50, 0)

    world.fake_clock.each_second = stuck
    report = run(Inputs(), world)
    assert (report.exit_code, report.outputs["verified"]) == (Exit.PARTLY, "false")
    assert "went elsewhere" in report.headline


def test_a_version_without_a_digest_is_not_deployed(world: FakeWorld) -> None:
    """What cannot be checked does not serve."""
    version, folder = world.fake_registry.versions[2]
    world.fake_registry.versions[2] = (replace(version, tags={}), folder)
    with pytest.raises(IntegrityError, match="no payload digest"):
        run(Inputs(to="3"), world)


@pytest.mark.parametrize("to", ["latest", "v1", "", "-1", "1;2"])
def test_a_wrong_aim_is_refused(world: FakeWorld, to: str) -> None:
    """Only previous, last-good and a number are places to go back to."""
    with pytest.raises(InputError, match="Input 'to'"):
        run(Inputs(to=to), world)


def test_an_unknown_version_names_the_known_ones(world: FakeWorld) -> None:
    """Version 9 does not exist."""
    with pytest.raises(InputError, match="no version 9") as problem:
        run(Inputs(to="9"), world)
    assert "1, 2, 3" in problem.value.cure


def test_nothing_before_the_first_release() -> None:
    """A first release has nothing to go back to, and the message says what can be done."""
    world = FakeWorld()
    world.add_version()
    canary.run(canary.Inputs(), world)
    with pytest.raises(InputError, match="no earlier version"):
        run(Inputs(), world)


def test_without_state_beside_the_router_the_ledger_tells(world: FakeWorld) -> None:
    """The state file is gone, the slots and the ledger are not."""
    world.fake_router.state = None
    assert moved(run(Inputs(), world)) == ("true", "2", "1", "true")


def test_a_version_that_somebody_put_into_a_slot_is_checked(world: FakeWorld) -> None:
    """The idle slot says version 3, but with other bytes: it is deployed anew, by the registry's digest."""
    world.fake_slots.holds["blue"] = Release(version="3", digest=digest_of("8"))
    assert moved(run(Inputs(to="3"), world)) == ("true", "2", "3", "true")
    assert world.fake_slots.holds["blue"] == release_of("3")


def test_a_slot_with_other_bytes_is_filled_again(world: FakeWorld) -> None:
    """The standby says version 1 but another digest: it is deployed anew before traffic moves."""
    world.fake_slots.holds["blue"] = Release(version="1", digest=digest_of("7"))
    assert moved(run(Inputs(), world)) == ("true", "2", "1", "true")
    assert world.fake_slots.deployed[-1] == ("blue", "1")
    assert world.fake_slots.holds["blue"] == release_of("1")


def test_a_bad_version_that_hangs_is_not_deployed_again(world: FakeWorld) -> None:
    """The slot that was left says nothing: it holds what it held, and no rollback waits for a hook on its account."""
    del world.fake_slots.holds["green"]
    deployed = list(world.fake_slots.deployed)
    for _ in range(2):
        assert run(Inputs(), world).exit_code is Exit.DONE
        assert world.fake_slots.deployed == deployed
    assert world.fake_router.split.serving == "blue"


def test_what_ends_elsewhere_was_not_sent_there_now(world: FakeWorld) -> None:
    """Users give up on the version that hangs while one looks: their requests are old, and the move is verified."""
    serve, source = world.fake_clock.each_second, world.fake_source
    source.open = {"blue": 0, "green": 30}

    def one_second() -> None:
        """Five users of the slot that was left give up."""
        serve()
        source.open["green"] -= 5
        source.serve("green", 5, 5)

    world.fake_clock.each_second = one_second
    report = run(Inputs(), world)
    assert (moved(report), report.exit_code) == (("true", "2", "1", "true"), Exit.DONE)


def test_what_begins_elsewhere_is_no_verified_move(world: FakeWorld) -> None:
    """Requests still begin at the slot that was left, and none has ended: exit 12 says so."""
    serve, source = world.fake_clock.each_second, world.fake_source
    source.open = {"blue": 0, "green": 0}

    def one_second() -> None:
        """A second router sends two requests to the slot that was left."""
        serve()
        source.open["green"] += 2

    world.fake_clock.each_second = one_second
    report = run(Inputs(), world)
    assert (moved(report)[3], report.exit_code) == ("false", Exit.PARTLY)
    assert "new requests went elsewhere" in report.headline


def test_a_dry_run_shows_the_moves(world: FakeWorld) -> None:
    """The plan in words, and nothing moves."""
    value = world.fake_router.split
    report = run(Inputs(dry_run=True), world)
    assert "Would roll back from 2 to 1" in report.headline
    assert report.receipt is not None
    assert report.receipt.planned == ("Route production: champion blue, 0 % to green",)
    assert world.fake_router.split == value


@pytest.fixture
def night(world: FakeWorld) -> FakeWorld:
    """The deploy hook is broken, so nothing can be filled anew."""
    world.fake_slots.broken = True
    return world


@pytest.mark.parametrize("standby", [None, Release(version="8", digest=digest_of("8"))], ids=["silent", "lies"])
def test_by_force_traffic_goes_to_the_last_known_slot(night: FakeWorld, standby: Release | None) -> None:
    """The standby cannot be verified: without force nothing moves, with it traffic does, and the report names it."""
    if standby is None:
        del night.fake_slots.holds["blue"]
    else:
        night.fake_slots.holds["blue"] = standby
    with pytest.raises(OutsideError, match="hook") as caught:
        run(Inputs(), night)
    assert "taking for granted that slot blue holds it" in caught.value.cure
    assert caught.value.cure.endswith("ml-cicd rollback --target production --to 1 --force")
    assert night.fake_router.split.serving == "green"
    report = run(Inputs(force=True), night)
    assert (moved(report), report.exit_code) == (("true", "2", "1", "false"), Exit.PARTLY)
    assert night.fake_router.split.serving == "blue"
    assert "by force, and nobody verified that slot blue holds it" in report.headline
    assert night.record()[-1] == ("rollback", "2", "1")


def test_by_force_without_any_state(night: FakeWorld) -> None:
    """State lost, standby silent, registry dead: a named version is taken to be in the slot that does not serve."""
    night.fake_router.state, night.fake_router.unsaved = None, "The state file is missing."
    del night.fake_slots.holds["blue"]
    report = run(Inputs(to="1", force=True), night)
    for _ in range(2):  # pressed twice, it does not go back to where it came from
        assert (night.fake_router.split.serving, report.exit_code) == ("blue", Exit.PARTLY)
        report = run(Inputs(to="1", force=True), night)


def test_by_force_twice_in_the_dark_is_once(night: FakeWorld) -> None:
    """State lost and both slots silent: it moves away from what serves, and never back to where it came from."""
    night.fake_router.state, night.fake_router.unsaved = None, "The state file is missing."
    night.fake_slots.holds.clear()
    for again in ("1", "1", "champion", "1"):
        if again == "champion":
            night.fake_router.split = night.fake_router.split.calm()  # what an urgent write in between leaves
            continue
        run(Inputs(to=again, force=True), night)
        night.fake_router.state = None
        assert night.fake_router.split.serving == "blue"
    run(Inputs(to="2", force=True), night)
    assert night.fake_router.split.serving == "green"  # another version is another wish


def test_force_never_sends_traffic_to_a_candidate(night: FakeWorld) -> None:
    """A canary holds the idle slot: the version before the champion is nowhere, and force does not invent it."""
    night.fake_slots.broken = False
    canary.run(canary.Inputs(mode="tick"), night)
    night.fake_slots.broken = True
    report = run(Inputs(to="1", force=True), night)  # the canary is stopped first, then the hook fails
    assert (report.exit_code, report.outputs["to-version"]) == (Exit.PARTLY, "2")
    assert (night.fake_router.split.serving, night.fake_router.split.threshold) == ("green", 0)


def test_force_changes_nothing_where_all_can_be_verified(world: FakeWorld) -> None:
    """It is a permission, not another way."""
    report = run(Inputs(force=True), world)
    assert (moved(report), report.exit_code) == (("true", "2", "1", "true"), Exit.DONE)
    assert "force" not in report.headline


def left_behind(phase: str, owner: str) -> FakeWorld:
    """Versions 1 and 2 were released; what a canary of version 3 left has this owner."""
    world = FakeWorld()
    for _ in range(2):
        world.add_version()
        canary.run(canary.Inputs(), world)
    world.add_version()
    router = world.fake_router
    if phase == "deploying":
        world.new_name = lambda: owner  # type: ignore[method-assign]
        with Faults(world) as faults:
            real = world.fake_slots.deploy

            def killed(*_: object, **__: object) -> None:
                """End the process in its hook."""
                faults.dead = True
                raise Kill

            world.fake_slots.deploy = killed  # type: ignore[method-assign,assignment]
            with pytest.raises(Kill):
                canary.run(canary.Inputs(), world)
            world.fake_slots.deploy = real  # type: ignore[method-assign]
    elif phase == "running":
        world.new_name = lambda: owner  # type: ignore[method-assign]
        canary.run(canary.Inputs(mode="tick"), world)
    elif phase == "none":
        router.state = None
    assert router.state is None or router.state.phase == ("promoted" if phase == "never began" else phase)
    return world


@pytest.mark.parametrize(
    ("phase", "owner", "stopped", "record", "words"),
    [
        ("running", "77.a", "true", ("reject", "3", "2"), "Stopped the canary of version 3; version 2 serves on"),
        ("running", "78.a", "false", ("promote", "2", "2"), "Nothing to stop: run 77 has no rollout"),
        ("running", "777.a", "false", ("promote", "2", "2"), "version 3 is rolled out by 777"),
        ("running", "a-laptop", "false", ("promote", "2", "2"), "version 3 is rolled out by a-laptop"),
        ("deploying", "77.a", "true", ("promote", "2", "2"), "Stopped the deployment of version 3 into slot blue"),
        ("deploying", "78.a", "false", ("promote", "2", "2"), "version 3 is rolled out by 78"),
        ("never began", "77.a", "false", ("promote", "2", "2"), "version 2 was rolled out (promoted)"),
        ("none", "", "false", ("promote", "2", "2"), "no rollout is known here"),
    ],
)
def test_whose_canary_the_safety_net_stops(
    phase: str, owner: str, stopped: str, record: tuple[str, str, str], words: str
) -> None:
    """Run 77 stops its own and no other: nothing else moves or is recorded; what nobody judged is not rejected."""
    world = left_behind(phase, owner)
    value = world.fake_router.split
    report = run(Inputs(to="champion", only_run="77"), world)
    assert (report.exit_code, report.outputs["rolled-back"]) == (Exit.DONE, stopped)
    assert words in report.headline
    assert world.record()[-1] == record
    assert (world.fake_router.split == value) is (stopped == "false")
    assert world.serves() == "2"
    assert "Rolled back" not in report.headline


def test_only_run_is_for_the_safety_net(world: FakeWorld) -> None:
    """It limits which canary is stopped; a version to go back to has no owner."""
    with pytest.raises(InputError, match="only-run"):
        run(Inputs(to="previous", only_run="77"), world)


def test_traffic_needs_no_registry_at_all(world: FakeWorld) -> None:
    """Nobody named one: traffic moves, exit 12, and the same command writes the record once there is an address."""
    named = world.settings
    world.settings = replace(named, registry=None)
    report = run(Inputs(reason="too slow"), world)
    assert (world.serves(), report.exit_code) == ("1", Exit.PARTLY)
    assert "No registry is given" in str(report.sections)
    assert report.cure == "To finish: ml-cicd rollback --target production --to 1 --reason 'too slow'"
    world.settings = named
    assert run(Inputs(to="1", reason="too slow"), world).exit_code is Exit.DONE
    assert world.record()[-1] == ("rollback", "2", "1")


def test_a_canary_that_is_stopped_while_the_champion_is_dead(world: FakeWorld) -> None:
    """Nothing is given to the dead slot: the router may still send its users to the other one, and it is said."""
    canary.run(canary.Inputs(mode="tick"), world)
    serving = world.fake_router.split.serving
    del world.fake_slots.holds[serving]
    world.fake_source.reaches = lambda slot: slot != serving
    world.fake_source.answers_for_another = True
    world.fake_slots.broken = True
    report = run(Inputs(to="champion"), world)
    assert report.exit_code == Exit.PARTLY
    assert f"Slot {serving}, which serves, is down: slot {world.fake_router.split.idle} answers" in report.headline
    assert not world.fake_router.split.left
    state = world.fake_router.state
    assert state is not None
    assert world.fake_slots.holds[world.fake_router.split.idle].version == state.candidate.version


def test_an_older_map_is_not_what_should_serve(world: FakeWorld) -> None:
    """Somebody has loaded the map of before the last promotion: the command that keeps the champion brings back the one
    that state and ledger know, and records no rollback. What was taken back and could not be kept is still kept.
    """
    router = world.fake_router
    router.split = replace(router.split, serving=router.split.idle, idle=router.split.serving, seq=router.split.seq - 3)
    router.unsaved, router.older = "The map is of before.", True
    before = world.record()
    report = run(Inputs(to="champion"), world)
    assert (moved(report), report.exit_code) == (("true", "1", "2", "true"), Exit.DONE)
    assert (world.serves(), world.record()) == ("2", before)
