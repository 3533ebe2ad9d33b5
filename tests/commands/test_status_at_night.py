"""What `status` says to somebody who was woken up, whatever is out."""

import math
import shlex
import time
from dataclasses import replace
from threading import Event

import pytest

from ml_cicd.commands import canary, rollback, status
from ml_cicd.ground.errors import Exit, Unreachable
from ml_cicd.ground.report import Report
from ml_cicd.registry.settings import RegistrySettings
from ml_cicd.rollout import present
from ml_cicd.rollout.bounded import within
from ml_cicd.shell.command_line import Request, read_arguments
from ml_cicd.world import Who
from tests.fakes.world import FakeWorld, release_of

LINK = "https://github.com/o/r/actions/runs/7"


@pytest.fixture
def world() -> FakeWorld:
    """Version 1 serves; a canary of version 2 runs at 5 %, looked at once."""
    world = FakeWorld(who=Who(actor="ann", run_url=LINK))
    world.add_version()
    canary.run(canary.Inputs(), world)
    world.add_version()
    canary.run(canary.Inputs(mode="tick"), world)
    world.fake_clock.sleep(20)
    canary.run(canary.Inputs(mode="tick"), world)
    world.fake_clock.sleep(5)
    return world


def dead(_uri: str) -> None:
    """Fail as a dead server does."""
    raise Unreachable("The registry does not answer.", cure="Start it.")


def now(report: Report) -> dict[str, str]:
    """Return the rows of what is true now."""
    return {str(what): str(says) for what, says in report.tables[0].rows}


def test_a_running_canary_is_told_without_the_registry(world: FakeWorld) -> None:
    """Share, step, evidence, time left, the owner with his run's link and the last look need router and slots alone."""
    world.registry = world.ledger = dead  # type: ignore[method-assign,assignment]
    report = status.run(status.Inputs(), world)
    says = now(report)
    assert says["router"] == "slot blue serves, 5 % to slot green"
    assert "version 2 over 1" in says["rollout"]
    assert says["step"] == "1 of 2 (5 %)"
    assert "version 2 failed 0 of" in says["evidence"]
    assert says["last look"].endswith(", 5 s ago")
    assert says["deadline"].startswith("1440 min left")
    assert says["lease"].startswith("30 min left")
    assert says["run by"] == f"ann, {LINK}"
    assert "does not answer" in says["registry"]
    assert (report.exit_code, report.outputs["share"], report.outputs["champion"]) == (Exit.OUTSIDE, "5", "1")
    assert "version 1 serves" in report.headline
    assert "The registry does not answer" in report.headline


def test_router_and_slots_are_told_before_the_registry_is_asked(world: FakeWorld) -> None:
    """Whoever waits for a slow registry has the first part on the screen already, and it is asked once."""
    told: list[list[str]] = []

    def slow(_uri: str) -> None:
        """Remember what was said until now."""
        told.append(list(world.lines))
        dead("")

    world.lines.clear()
    world.registry = world.ledger = slow  # type: ignore[method-assign,assignment]
    status.run(status.Inputs(), world)
    (lines,) = told
    assert "router: slot blue serves, 5 % to slot green" in lines
    assert any(line.startswith("slot green: version 2") for line in lines)


def test_a_registry_that_hangs_does_not_hide_the_traffic(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for as long as a person can wait, and then named."""
    monkeypatch.setattr(present, "RECORD_SECONDS", 0.05)
    world.settings = replace(world.settings, registry=RegistrySettings(uri="https://registry.example"))
    never = Event()

    def hang(_uri: str) -> None:
        """Answer when the test is over."""
        never.wait()
        dead("")

    world.registry = world.ledger = hang  # type: ignore[method-assign,assignment]
    report = status.run(status.Inputs(), world)
    never.set()
    assert "The registry did not answer within" in now(report)["registry"]
    assert now(report)["router"] == "slot blue serves, 5 % to slot green"


def test_a_file_is_waited_for_to_its_end() -> None:
    """Its first use makes the tables: a process that went away half-way left a database that nobody could open."""
    assert math.isinf(present.record_seconds("sqlite:///r.db"))
    assert present.record_seconds("https://registry.example") == present.RECORD_SECONDS
    assert within(math.inf, "It", lambda: 7) == 7


def test_the_whole_patience_is_below_twenty_seconds() -> None:
    """Router, slots and registry together: a dead outside ends in time."""
    assert present.ROUTER_SECONDS + present.SLOTS_SECONDS + present.COUNTERS_SECONDS + present.RECORD_SECONDS <= 20


def test_a_hanging_router_still_leaves_the_slots(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what serves, but what each slot holds is told, and the ledger too."""
    monkeypatch.setattr(present, "ROUTER_SECONDS", 0.05)
    monkeypatch.setattr(world.fake_router, "read", lambda **_: time.sleep(1))
    report = status.run(status.Inputs(), world)
    says = now(report)
    assert "did not answer within" in says["router"]
    assert says["slot green"].startswith("version 2")
    assert says["champion by the ledger"] == "1"
    assert report.exit_code is Exit.OUTSIDE


def test_damaged_files_hide_nothing(world: FakeWorld) -> None:
    """Share and slots are told, nobody vouches for the rollout, and what writes the files again is named."""
    world.fake_router.unsaved = "The map was edited."
    report = status.run(status.Inputs(), world)
    says = now(report)
    assert says["router"] == "slot blue serves, 5 % to slot green"
    assert says["files"] == "What serves is not on disk, a reload would undo it: The map was edited."
    assert says["rollout"].startswith("not certain: the files speak of digits-2-")
    assert says["files"] in report.headline
    assert (report.exit_code, report.outputs["share"]) == (Exit.OUTSIDE, "5")
    assert report.cure == "To finish: ml-cicd rollback --target production --to champion"
    rollback.run(rollback.Inputs(to="champion"), world)
    assert status.run(status.Inputs(), world).exit_code is Exit.DONE


def test_every_disagreement_is_in_the_headline_once(world: FakeWorld) -> None:
    """Slot against router and ledger, candidate against router, alias against ledger: three causes, three notes."""
    world.fake_slots.holds["blue"] = release_of("7")
    world.fake_slots.holds["green"] = replace(release_of("2"), digest="sha256:other")
    world.fake_registry.aliases["digits", "champion"] = "2"
    report = status.run(status.Inputs(), world)
    assert report.notes == (
        "Slot blue serves 7 but router and ledger say 1.",
        "Slot green serves other bytes of it but the router says 2.",
        "The alias champion names 2 but the ledger says 1.",
    )
    assert all(note in report.headline for note in report.notes)


def test_a_serving_slot_that_is_silent_is_said(world: FakeWorld) -> None:
    """The slot that has the traffic does not answer: that is the headline."""
    del world.fake_slots.holds["blue"]
    assert "Slot blue should hold version 1 and cannot tell: empty." in status.run(status.Inputs(), world).headline


def test_nothing_was_released_yet_is_no_problem() -> None:
    """Two empty slots before the first release disagree with nobody."""
    report = status.run(status.Inputs(), FakeWorld())
    assert (report.exit_code, report.headline) == (Exit.DONE, "digits: nothing was promoted yet.")


def test_the_command_that_finishes_keeps_the_reason(world: FakeWorld) -> None:
    """A rollback that could not be recorded is finished by what status prints, reason and all; then nothing is open."""
    canary.run(canary.Inputs(mode="tick"), world)
    reason = "it's too slow; $HOME"
    ledger = world.ledger
    world.ledger = dead  # type: ignore[method-assign,assignment]
    half = rollback.run(rollback.Inputs(reason=reason), world)
    world.ledger = ledger  # type: ignore[method-assign]
    assert f"--reason {shlex.quote(reason)}" in half.cure
    report = status.run(status.Inputs(), world)
    command = report.cure.removeprefix("To finish: ")
    request = read_arguments(shlex.split(command)[1:], {})
    assert isinstance(request, Request)
    assert request.texts["reason"] == reason
    rollback.run(rollback.Inputs(to=request.texts["to"], reason=request.texts["reason"]), world)
    assert status.run(status.Inputs(), world).cure == ""
    assert world.fake_ledger.read("digits").entries[-1].reason == reason


@pytest.mark.parametrize("stopped", [False, True], ids=["rejected by its canary", "stopped by hand"])
def test_a_rejection_that_is_on_record_is_not_asked_for_again(world: FakeWorld, stopped: bool) -> None:
    """Version 2 is turned down, and later somebody goes back further: the record has all, and nothing is to finish."""
    world.failing["2"] = 0.0 if stopped else 1.0
    if stopped:
        rollback.run(rollback.Inputs(to="champion"), world)
    else:
        world.fake_clock.sleep(20)
        assert canary.run(canary.Inputs(mode="tick"), world).outputs["decision"] == "rollback"
    world.add_version()
    rollback.run(rollback.Inputs(to="3"), world)
    assert [entry[:2] for entry in world.record()[-2:]] == [("reject", "2"), ("rollback", "1")]
    assert status.run(status.Inputs(), world).cure == ""


def test_a_rollback_that_an_older_map_undid_is_done_again() -> None:
    """HAProxy came up with the map from before the rollback: what was left serves, and is not to be put on record."""
    world = FakeWorld()
    for _ in range(2):
        world.add_version()
        canary.run(canary.Inputs(), world)
    split, state = world.fake_router.split, world.fake_router.state
    rollback.run(rollback.Inputs(), world)
    world.fake_router.split, world.fake_router.state = split, state
    report = status.run(status.Inputs(), world)
    assert world.serves() == "2"
    assert report.cure == "To finish: ml-cicd rollback --target production --to 1"
    rollback.run(rollback.Inputs(to="1"), world)
    assert (world.serves(), world.record()[-1]) == ("1", ("rollback", "2", "1"))
    assert status.run(status.Inputs(), world).cure == ""


def test_a_canary_whose_lease_ended_is_finished_by_its_own_command(world: FakeWorld) -> None:
    """Its runner died: the command that goes on with it is printed, and only once the lease is over."""
    assert status.run(status.Inputs(), world).cure == ""
    world.fake_clock.sleep(3600)
    report = status.run(status.Inputs(), world)
    assert report.cure == "To finish: ml-cicd canary --target production --candidate 2"
    assert now(report)["lease"].startswith("over")


def test_another_configuration_is_said_and_not_judged_by(world: FakeWorld) -> None:
    """Evidence of a rollout that began under other settings is not computed with the new ones."""
    world.settings = replace(world.settings, canary=replace(world.settings.canary, minimum_requests=5))
    assert "not the one that the rollout began under" in now(status.run(status.Inputs(), world))["evidence"]


@pytest.mark.parametrize("reason", ["alias was moved", "slot was changed by hand"])
def test_what_the_runbook_says_for_a_disagreement_ends_it(world: FakeWorld, reason: str) -> None:
    """The champion is deployed again, or its alias put back, and then all agree."""
    rollback.run(rollback.Inputs(to="champion"), world)
    if "alias" in reason:
        world.fake_registry.aliases["digits", "champion"] = "2"
    else:
        world.fake_slots.holds["blue"] = release_of("7")
    assert status.run(status.Inputs(), world).exit_code is Exit.OUTSIDE
    rollback.run(rollback.Inputs(to="champion", reason=reason), world)
    report = status.run(status.Inputs(), world)
    assert (report.exit_code, report.notes, report.cure) == (Exit.DONE, (), "")


def test_a_registry_that_nobody_named_hides_nothing(world: FakeWorld) -> None:
    """A variable is unset on this machine: what serves is told all the same, and the address is missed once."""
    world.settings = replace(world.settings, registry=None)
    report = status.run(status.Inputs(), world)
    assert now(report)["router"] == "slot blue serves, 5 % to slot green"
    assert report.headline == (
        "digits: version 1 serves. Registry: No registry is given. Set registry-uri, or registry.uri in the "
        "configuration."
    )
    assert (report.exit_code, report.outputs["champion"]) == (Exit.INPUT, "1")
    world.fake_slots.holds["blue"] = release_of("7")
    assert status.run(status.Inputs(), world).exit_code is Exit.OUTSIDE


def test_a_slot_that_the_router_does_not_reach_is_told(world: FakeWorld) -> None:
    """The health check of both slots stands with them, and the headline says who answers for the one that serves."""
    assert now(status.run(status.Inputs(), world))["slot blue"].endswith("; the router reaches it")
    world.fake_source.reaches = lambda slot: slot != "blue"
    world.fake_source.answers_for_another = True
    report = status.run(status.Inputs(), world)
    assert now(report)["slot blue"].endswith("; the router does not reach it")
    assert "Slot blue, which serves, is down: slot green answers its users." in report.headline
    assert report.exit_code == Exit.OUTSIDE
    del world.fake_slots.holds["blue"]
    assert "is down: slot green answers" in status.run(status.Inputs(), world).headline


def test_a_second_rejection_is_recorded_too(world: FakeWorld) -> None:
    """A version that was turned down is tried again and turned down, and the registry is out: the command that finishes
    writes that, once.
    """
    world.failing["2"] = 1.0
    world.fake_clock.sleep(20)
    assert canary.run(canary.Inputs(mode="tick"), world).outputs["decision"] == "rollback"
    canary.run(canary.Inputs(candidate="2", mode="tick"), world)
    world.failing["2"] = 1.0
    world.fake_clock.sleep(30)
    ledger = world.ledger
    world.ledger = dead  # type: ignore[method-assign,assignment]
    assert canary.run(canary.Inputs(candidate="2", mode="tick"), world).exit_code is Exit.PARTLY
    world.ledger = ledger  # type: ignore[method-assign]
    assert "rollback" in status.run(status.Inputs(), world).cure
    for _ in range(2):
        rollback.run(rollback.Inputs(to="champion"), world)
        reasons = [entry.reason for entry in world.fake_ledger.read("digits").entries if entry.op == "reject"]
        assert len(set(reasons)) == len(reasons) == 2
    assert status.run(status.Inputs(), world).cure == ""
