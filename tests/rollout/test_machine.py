"""The machine of phases: what its table allows, what it refuses, and that it is the only place that sets a phase."""

import ast
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from ml_cicd.ground.errors import Defect
from ml_cicd.registry.ledger import Ledger, LedgerOp
from ml_cicd.registry.operations import AppendLedger, SetAlias
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout import machine
from ml_cicd.rollout.events import (
    Based,
    Claimed,
    Deployed,
    Ended,
    Event,
    Finished,
    FirstReleased,
    Lease,
    Looked,
    Proven,
    Refused,
    Renewed,
    Reverted,
    Rewritten,
    Settled,
    Shared,
    TimedOut,
)
from ml_cicd.rollout.history import Author, Outcome
from ml_cicd.rollout.machine import ROWS, TABLE, Where, step
from ml_cicd.rollout.operations import DeploySlot, SetSplit
from ml_cicd.rollout.site import Place
from ml_cicd.rollout.state import Counters, Observation, Phase, RolloutState, Split
from ml_cicd.stats.sequential import Counts

ONE, TWO, THREE = (Release(version=v, digest=f"sha256:{v}") for v in "123")
PLACE = Place(target="production", model="digits", slots=("blue", "green"), has_hook=True)
SPLIT = Split(serving="blue", idle="green", threshold=500, lease=99, salt="abc", seq=7)
LEASE = Lease(until=200, owner="me")
AUTHOR = Author(target="production", model="digits", actor="ann", run_url="", at="2026-11-25T10:00:00Z")
LEDGER = Ledger(entries=(), head="0")
SEEN = Observation(at_seconds=1.0, step=0, readings={"errors": Counts(nc=1, xc=0, nb=9, xb=0)})
COUNTERS = {"blue": Counters(requests=9, epoch="1")}
OUTCOME = Outcome(champion="2", before="2", stopped=True, reason="asked for")
EVENTS: dict[type[Event], Event] = {
    Claimed: Claimed(candidate=THREE, champion=TWO, at=10.0, deadline_seconds=60, plan_digest="p", lease=LEASE),
    Deployed: Deployed(at=11.0),
    Shared: Shared(step=1, threshold=2500, lease=LEASE),
    Based: Based(counters=COUNTERS, lease=LEASE),
    Looked: Looked(seen=SEEN, counters=COUNTERS, began=10.0),
    Renewed: Renewed(lease=LEASE),
    Proven: Proven(reason="proven", ledger=LEDGER, author=AUTHOR, verdict_digest="v"),
    Refused: Refused(reason="it fails"),
    Ended: Ended(reason="cancelled"),
    TimedOut: TimedOut(reason="no evidence"),
    FirstReleased: FirstReleased(
        candidate=THREE,
        at=10.0,
        deadline_seconds=60,
        plan_digest="p",
        ledger=LEDGER,
        author=AUTHOR,
        verdict_digest="v",
    ),
    Finished: Finished(),
    Reverted: Reverted(to=ONE, swap=True, stays=False, left=TWO),
    Rewritten: Rewritten(),
    Settled: Settled(ledger=LEDGER, author=AUTHOR, outcome=OUTCOME),
}


def where(phase: Phase | None) -> Where:
    """A rollout of version 3 over 2 with standby 1 in a phase."""
    state = RolloutState(
        run_id="digits-3-10",
        model="digits",
        candidate=THREE,
        champion=TWO,
        standby=ONE,
        phase=phase or Phase.HELD,
        step=0,
        started_at=10.0,
        deadline_seconds=60.0,
        reason="",
        plan_digest="p",
        owner="somebody",
    )
    return Where(place=PLACE, split=SPLIT, state=None if phase is None else state)


CELLS = list(product((None, *Phase), EVENTS))


@pytest.mark.parametrize(("phase", "event"), CELLS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_cell_of_the_table(phase: Phase | None, event: type[Event]) -> None:
    """A row leads to its phase with its kinds of effects in their order; what has no row raises and changes nothing."""
    before = where(phase)
    row = TABLE.get((phase, event))
    if row is None:
        with pytest.raises(Defect, match=event.__name__):
            step(before, EVENTS[event])
        assert before == where(phase)
        return
    after, operations = step(before, EVENTS[event])
    kept = row.to is None or (phase is None and after.state is None)
    assert after.phase is (phase if kept else row.to)
    order = [row.effects.index(type(operation)) for operation in operations]
    assert order == sorted(order)
    writes = [operation for operation in operations if isinstance(operation, SetSplit)]
    assert [(w.split, w.state) for w in writes] == [(after.split, after.state)] * len(writes)


def test_every_event_has_a_row() -> None:
    """No event is declared that the machine does not know, and no two rows claim one cell."""
    assert {row.event for row in ROWS} == set(EVENTS)
    assert len(TABLE) == sum(len(row.phases) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.event.__name__)
def test_a_fencing_number_rises_by_one_with_each_write(row: machine.Row) -> None:
    """Whatever is written expects the number that was read, and writes the next one."""
    _, operations = step(where(row.phases[-1]), EVENTS[row.event])
    for operation in operations:
        if isinstance(operation, SetSplit):
            assert (operation.expect_seq, operation.split.seq) == (7, 8)


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (Refused(reason="harm"), True),
        (Reverted(to=TWO, swap=False, stays=True, left=THREE, answers=True), True),
        (Reverted(to=TWO, swap=False, stays=True, left=THREE), False),
        (Reverted(to=ONE, swap=True, stays=False, left=TWO), True),
        (TimedOut(reason="no evidence"), False),
        (Ended(reason="cancelled"), False),
    ],
    ids=["harm", "stopped", "stopped for a dead champion", "rolled back", "deadline", "cancelled"],
)
def test_where_a_dead_slot_s_users_never_go(event: Event, *, left: bool) -> None:
    """To what did harm, or what somebody went back from while there was something else that answered. A claim leaves it
    so: until the hook is through, the slot holds what it held. The first share ends it, and has the rollout's own salt.
    """
    after, _ = step(where(Phase.RUNNING), event)
    assert after.split.left is left
    claimed, _ = step(replace(after, state=None), EVENTS[Claimed])
    assert claimed.split.left is left
    assert step(claimed, Ended(reason="the hook failed"))[0].split.left is left
    shared, _ = step(step(claimed, EVENTS[Deployed])[0], EVENTS[Shared])
    assert not shared.split.left
    assert shared.split.salt == shared.running.salt


@pytest.mark.parametrize("row", [r for r in ROWS if Phase.RUNNING in r.phases], ids=lambda row: row.event.__name__)
def test_traffic_comes_back_whatever_the_files_do(row: machine.Row) -> None:
    """A write that takes a running candidate's share and lets the champion serve is urgent; no other one is."""
    before = replace(where(Phase.RUNNING), split=replace(SPLIT, threshold=500))
    for operation in step(before, EVENTS[row.event])[1]:
        if isinstance(operation, SetSplit):
            stays = operation.split.serving == SPLIT.serving
            taken = operation.split.threshold == 0 and (stays or row.event is Reverted)
            assert operation.urgent is taken


def test_what_was_seen_is_written_once() -> None:
    """Looks wait for the next write, and the state counts them."""
    looked, nothing = step(where(Phase.RUNNING), EVENTS[Looked])
    assert (nothing, looked.pending, looked.running.looks) == ((), (SEEN,), 1)
    renewed, (write,) = step(looked, EVENTS[Renewed])
    assert isinstance(write, SetSplit)
    assert (write.seen, renewed.pending) == ((SEEN,), ())


@pytest.mark.parametrize(
    ("phase", "event", "kinds"),
    [
        (Phase.RUNNING, Proven, [AppendLedger, SetSplit, SetAlias]),
        (Phase.RUNNING, Refused, [SetSplit]),
        (Phase.HELD, Claimed, [SetSplit, DeploySlot]),
        (None, FirstReleased, [DeploySlot, AppendLedger, SetSplit, SetAlias]),
        (Phase.HELD, Finished, [SetSplit, SetAlias]),
    ],
)
def test_the_order_of_effects(phase: Phase | None, event: type[Event], kinds: list[type]) -> None:
    """The order that a kill in between can bear: record before traffic to promote, traffic first to go back."""
    _, operations = step(where(phase), EVENTS[event])
    assert [type(operation) for operation in operations] == kinds


@pytest.mark.parametrize("event", [Claimed, Shared, Based, Renewed, Proven, Refused, Ended, Reverted, Rewritten])
def test_only_what_takes_traffic_back_is_urgent(event: type[Event]) -> None:
    """To give a candidate more must wait for files; to take it back must not."""
    phase = next(phase for phase in (Phase.RUNNING, Phase.HELD) if (phase, event) in TABLE)
    _, operations = step(where(phase), EVENTS[event])
    urgent = {operation.urgent for operation in operations if isinstance(operation, SetSplit)}
    assert urgent == {event in {Refused, Ended, Reverted, Rewritten}}


def test_a_promotion_swaps_the_slots_and_keeps_the_champion_warm() -> None:
    """One write: the candidate's slot serves, the previous champion is what the idle slot holds."""
    after, operations = step(where(Phase.RUNNING), EVENTS[Proven])
    assert (after.split.serving, after.split.idle, after.split.threshold) == ("green", "blue", 0)
    assert (after.running.serving, after.running.idle) == (THREE, TWO)
    entry = operations[0]
    assert isinstance(entry, AppendLedger)
    assert (entry.entry.op, entry.entry.champion, entry.entry.verdict_digest) == (LedgerOp.PROMOTE, "3", "v")


def test_a_promotion_on_record_is_not_recorded_again() -> None:
    """The ledger was ahead: only router and alias follow."""
    ledger = Ledger(entries=(AUTHOR.entry(LEDGER, LedgerOp.PROMOTE, champion="3", candidate="3", reason="").entry,))
    proven = EVENTS[Proven]
    assert isinstance(proven, Proven)
    _, operations = step(where(Phase.RUNNING), replace(proven, ledger=ledger))
    assert [type(operation) for operation in operations] == [SetSplit, SetAlias]


def test_a_finished_promotion_forgets_why_it_had_stopped() -> None:
    """What was held half-way and is promoted now says so, and compares with no old counters."""
    held = where(Phase.HELD)
    stopped = replace(held.running, reason="stopped: the router did not take the promotion", counters=COUNTERS)
    after, _ = step(replace(held, state=stopped), Finished())
    assert (after.phase, after.running.counters) == (Phase.PROMOTED, None)
    assert "stopped" not in after.running.reason


def test_a_first_release_has_no_standby() -> None:
    """There is nothing to go back to."""
    after, _ = step(where(Phase.HELD), EVENTS[FirstReleased])
    assert (after.running.champion, after.running.standby) == (NOTHING, NOTHING)


def test_a_candidate_that_time_ran_out_for_is_not_rejected() -> None:
    """The ledger must know that nothing was decided, and that is all that the state says of it."""
    after, _ = step(where(Phase.RUNNING), TimedOut(reason="no evidence"))
    assert (after.phase, after.running.rejected, after.running.undecided) == (Phase.HELD, False, True)


@pytest.mark.parametrize(("stays", "rejected"), [(True, True), (False, False)])
def test_a_stopped_candidate_is_marked_by_a_flag(stays: bool, rejected: bool) -> None:
    """What the ledger must know is a field of the state, and no sentence."""
    after, _ = step(where(Phase.RUNNING), Reverted(to=TWO, swap=False, stays=stays, left=TWO))
    assert after.running.rejected is rejected


def _phases_set(tree: ast.AST) -> list[str]:
    """Return where a phase is set: `phase=Phase.X` in a call."""
    return [
        ast.unparse(keyword.value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "phase" and not isinstance(keyword.value, ast.Call)
    ]


def test_no_other_file_sets_a_phase() -> None:
    """In the whole package a phase is set in the machine, and read back from text in one other file."""
    package = Path(machine.__file__).parents[1]
    found = {path.name for path in package.rglob("*.py") if _phases_set(ast.parse(path.read_text("utf-8")))}
    assert found == {"machine.py"}
