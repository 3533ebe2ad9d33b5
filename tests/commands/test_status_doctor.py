"""What people ask at night: what serves, what served then, and what is broken."""

from dataclasses import replace

import pytest

from ml_cicd.commands import canary, doctor, rollback, status
from ml_cicd.ground.errors import CorruptState, Defect, Exit, InputError, Unreachable
from tests.fakes.world import CONFIG, FakeWorld, release_of


@pytest.fixture
def world() -> FakeWorld:
    """Version 1, then 2, then back to 1."""
    world = FakeWorld()
    for _ in range(2):
        world.add_version()
        canary.run(canary.Inputs(), world)
    world.fake_clock.sleep(3600)
    rollback.run(rollback.Inputs(reason="too slow"), world)
    return world


def test_status_shows_now_and_then(world: FakeWorld) -> None:
    """The champion, both slots, and the history with its reasons, newest first."""
    report = status.run(status.Inputs(), world)
    assert dict(report.outputs) == {"champion": "1", "share": "0", "export": ""}
    now, history = report.tables
    assert ("champion by the ledger", "1") in now.rows
    assert [row[1] for row in history.rows] == ["rollback", "promote", "promote"]
    assert history.rows[0][-1] == "too slow"


def test_status_answers_what_served_then(world: FakeWorld) -> None:
    """Between promotion and rollback version 2 served; before everything, nothing."""
    promoted = world.fake_ledger.read("digits").entries[1].at
    assert status.run(status.Inputs(at=promoted), world).outputs["champion"] == "2"
    assert status.run(status.Inputs(at="1960-01-01"), world).outputs["champion"] == ""
    with pytest.raises(InputError, match="'at'"):
        status.run(status.Inputs(at="yesterday"), world)


def test_status_shows_the_share_of_a_running_canary(world: FakeWorld) -> None:
    """5 % is 5 %, and nothing once the lease has passed."""
    world.add_version()
    canary.run(canary.Inputs(mode="tick"), world)
    assert status.run(status.Inputs(), world).outputs["share"] == "5"
    world.fake_clock.sleep(3600)
    assert status.run(status.Inputs(), world).outputs["share"] == "0"


def test_status_without_a_router_still_has_the_history(world: FakeWorld) -> None:
    """The router is down: exit 4, with the problem and all that the ledger knows."""
    world.fake_router.broken = True
    report = status.run(status.Inputs(), world)
    assert report.exit_code is Exit.OUTSIDE
    assert report.outputs["champion"] == "1"
    assert report.notes


def test_status_notices_a_slot_that_is_not_the_champion(world: FakeWorld) -> None:
    """Somebody deployed by hand into the slot that serves."""
    world.fake_slots.holds["blue"] = release_of("7")
    report = status.run(status.Inputs(), world)
    assert report.exit_code is Exit.OUTSIDE
    assert report.notes == ("Slot blue serves 7 but router and ledger say 1.",)
    assert report.notes[0] in report.headline


def test_doctor_finds_nothing_wrong(world: FakeWorld) -> None:
    """Every part has its line."""
    report = doctor.run(doctor.Inputs(), world)
    assert (report.exit_code, report.outputs["healthy"]) == (Exit.DONE, "true")
    assert report.verdict
    names = [finding.rule for finding in report.verdict.findings]
    assert names == [
        "configuration",
        "registry",
        "ledger",
        "production: router",
        "production: counters",
        "production: traffic",
        "production: users",
        "production: lease and clock",
        "production: agreement",
        "production: slot blue",
        "production: slot green",
        "production: deploy hook",
    ]


def test_an_entry_that_was_changed_by_hand_is_named(world: FakeWorld) -> None:
    """By status and by doctor, which say what to do; a removed one that something else replaced is only remarked on."""
    first, *others = world.fake_ledger.entries["digits"]
    world.fake_ledger.entries["digits"] = (replace(first, verdict_digest="sha256:another"), *others)
    report, found = status.run(status.Inputs(), world), doctor.run(doctor.Inputs(), world)
    assert (report.exit_code, found.exit_code) == (Exit.OUTSIDE, Exit.OUTSIDE)
    assert report.notes == ("The ledger: Entry 1 was changed after it was written.",)
    assert report.notes[0] in report.headline
    assert "Put the tag mlcicd.entry back" in found.cure
    world.fake_ledger.entries["digits"] = (first, others[0], replace(others[1], number="4"))
    report, found = status.run(status.Inputs(), world), doctor.run(doctor.Inputs(), world)
    assert (report.exit_code, found.exit_code) == (Exit.DONE, Exit.DONE)
    assert report.notes == ("The ledger: Entry 3 was removed; no other follows it.",)
    assert "1 remark" in found.headline


def test_entries_of_an_earlier_version_are_said_to_be_unchained(world: FakeWorld) -> None:
    """They count as before."""
    entries = world.fake_ledger.entries["digits"]
    world.fake_ledger.entries["digits"] = tuple(replace(one, chain="", seal="") for one in entries)
    report = doctor.run(doctor.Inputs(), world)
    assert report.exit_code is Exit.DONE
    assert report.verdict
    assert "3 of them unchained" in next(f.reason for f in report.verdict.findings if f.rule == "ledger")


def test_doctor_gives_a_cure_for_each_problem(world: FakeWorld) -> None:
    """A corrupt router and a dead registry are two findings: what only they could tell is not asked."""

    def corrupt(**_: object) -> None:
        """Fail as an edited map does."""
        raise CorruptState("The map was edited.", cure="Restore it.")

    def dead(_uri: str) -> None:
        """Fail as a dead server does."""
        raise Unreachable("The registry does not answer.", cure="Start it.")

    world.fake_router.read = corrupt  # type: ignore[method-assign,assignment]
    world.fake_source.broken = lambda: True
    world.registry = dead  # type: ignore[method-assign,assignment]
    del world.fake_slots.holds["green"]
    report = doctor.run(doctor.Inputs(), world)
    assert report.verdict is not None
    bad = {finding.rule: finding.cure for finding in report.verdict.findings if finding.blocks}
    assert set(bad) == {"registry", "production: router"}
    assert all(bad.values())
    assert (report.exit_code, report.outputs["healthy"]) == (Exit.OUTSIDE, "false")


def test_doctor_of_an_unknown_target(world: FakeWorld) -> None:
    """The name is a line of the table like any other."""
    report = doctor.run(doctor.Inputs(target="prod"), world)
    assert report.exit_code is Exit.INPUT
    assert "production" in report.cure


def test_doctor_without_targets(world: FakeWorld) -> None:
    """A configuration for the gate alone is healthy."""
    world.settings = replace(CONFIG, targets={})
    assert doctor.run(doctor.Inputs(), world).exit_code is Exit.DONE


def test_doctor_hides_no_bug(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours is not a finding about somebody's registry."""

    def broken(_uri: str) -> object:
        raise Defect("Two champions.")

    monkeypatch.setattr(world, "records", broken)
    with pytest.raises(Defect):
        doctor.run(doctor.Inputs(), world)
