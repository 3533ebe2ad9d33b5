"""Bugs, each a small change of the product's code in this process, that the laws must find."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from ml_cicd.commands import canary
from ml_cicd.ground.errors import IntegrityError
from ml_cicd.ground.operation import join
from ml_cicd.registry.operations import AppendLedger
from ml_cicd.rollout import ending, evidence, history, machine, outright, session, situation
from ml_cicd.rollout.events import (
    Based,
    Claimed,
    Ended,
    Event,
    Lease,
    Looked,
    Proven,
    Renewed,
    Reverted,
    Settled,
    Shared,
)
from ml_cicd.rollout.machine import Operations, Where
from ml_cicd.rollout.operations import DeploySlot, SetSplit
from ml_cicd.rollout.situation import Situation
from ml_cicd.rollout.state import Decision, RolloutState, RouterView
from tests.simulation import doors
from tests.simulation.cheap import STEPS

Stepped = tuple[Where, Operations]
Patches = tuple[tuple[Any, str, Any], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bug:
    """One planted bug: `rows` change what the machine does at an event, `patches` replace attributes."""

    name: str
    rows: tuple[tuple[type[Event], Callable[[Stepped, Where, Any], Stepped]], ...] = ()
    patches: Patches = ()

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Plant it, and take it out again."""
        table = dict(machine.TABLE)
        for event, change in self.rows:
            for key, row in machine.TABLE.items():
                if key[1] is event:
                    table[key] = replace(row, step=_changed(row.step, change))
        with patch.object(machine, "TABLE", table):
            undo = [patch.object(owner, name, value) for owner, name, value in self.patches]
            for one in undo:
                one.start()
            try:
                yield
            finally:
                for one in reversed(undo):
                    one.stop()


def _changed(
    step: Callable[[Where, Any], Stepped], change: Callable[[Stepped, Where, Any], Stepped]
) -> Callable[[Where, Any], Stepped]:
    return lambda where, event: change(step(where, event), where, event)


def _only(keep: Callable[[Any], bool]) -> Callable[[Stepped, Where, Any], Stepped]:
    """Leave out operations."""
    return lambda stepped, _where, _event: (stepped[0], tuple(o for o in stepped[1] if keep(o)))


def _order(*indices: int) -> Callable[[Stepped, Where, Any], Stepped]:
    """Put operations in another order; what is left out of it comes last."""

    def change(stepped: Stepped, _where: Where, _event: Any) -> Stepped:
        operations = stepped[1]
        first = [operations[i] for i in indices if i < len(operations)]
        return stepped[0], (*first, *(o for o in operations if o not in first))

    return change


def _not_urgent(stepped: Stepped, _where: Where, _event: Any) -> Stepped:
    return stepped[0], tuple(replace(o, urgent=False) if isinstance(o, SetSplit) else o for o in stepped[1])


def _state(**fields: Any) -> Callable[[Stepped, Where, Any], Stepped]:
    """Write other fields of the state."""

    def change(stepped: Stepped, _where: Where, _event: Any) -> Stepped:
        after, operations = stepped
        if after.state is None:
            return stepped
        state = replace(after.state, **fields)
        written = tuple(replace(o, state=state) if isinstance(o, SetSplit) else o for o in operations)
        return replace(after, state=state), written

    return change


def _keeps_counters(stepped: Stepped, where: Where, event: Any) -> Stepped:
    return _state(counters=where.running.counters)(stepped, where, event)


def _same_lease(stepped: Stepped, where: Where, _event: Any) -> Stepped:
    """Write the lease that was there before."""
    after, operations = stepped
    split = replace(after.split, lease=where.split.lease)
    return replace(after, split=split), tuple(
        replace(o, split=split) if isinstance(o, SetSplit) else o for o in operations
    )


def _keeps_pending(stepped: Stepped, where: Where, _event: Any) -> Stepped:
    return replace(stepped[0], pending=where.pending), stepped[1]


def _same_seq(self: SetSplit, doors: Any) -> Any:
    """Write whatever is there: no fencing."""
    seq = doors.router.read(urgent=True).split.seq
    again = replace(self, expect_seq=seq, split=replace(self.split, seq=seq + 1))
    return PERFORM(again, doors)


def _adopts_all(found: session.Session, view: RouterView) -> session.Session:
    return session.resumed(found, view, view.state) if view.state is not None else found


def _takes_all(found: session.Session, reason: str) -> bool:
    view = found.site.router.read(urgent=True)
    there = replace(found, where=Where(place=found.site.place, split=view.split, state=view.state))
    session._step(there, Ended(reason=reason))
    return view.split.threshold > 0


def _last_share(stepped: Stepped, where: Where, _event: Any) -> Stepped:
    """Begin with the largest share."""
    after, operations = stepped
    split = replace(after.split, threshold=STEPS[-1])
    return replace(after, split=split), tuple(
        replace(o, split=split) if isinstance(o, SetSplit) else o for o in operations
    )


def _renews_nothing(found: session.Session, decided: evidence.Decided) -> session.Session:
    return found if decided.decision is Decision.HOLD else GO_ON(found, decided)


def _without(*rows: Situation) -> tuple[Any, ...]:
    return tuple(row for row in situation.SITUATIONS if row[0] not in rows)


def _settles_blindly(site: Any, where: Where, outcome: history.Outcome) -> Operations:
    event = Settled(ledger=site.history(), author=site.author(), outcome=outcome)
    return machine.step(where, event)[1]


def _record_first(found: session.Session, event: Any, words: str) -> Any:
    """Write the record of a way back before the traffic moves."""
    where, move = machine.step(found.where, event)
    champion = found.state.champion.version
    outcome = history.Outcome(champion=champion, before=champion, stopped=True, reason=event.reason)
    entries = history.entries_due(found.site.author(), found.site.history(), where.state, outcome)
    record = found.site.apply(entries, again="")
    return join(found.site.apply(move, again=""), record)


def _held_by_nobody(*_: Any, **__: Any) -> Any:
    return nullcontext()


def _anywhere(self: DeploySlot, doors: Any) -> Any:
    """Fill a slot whoever has traffic."""
    return DEPLOY(replace(self, serves=True), doors)


def _swaps_again(found: session.Session, candidate: Any) -> Operations:
    if found.where.state is not None and found.where.state.candidate.version == candidate.number:
        after, write = machine._write(found.where, found.where.split.swapped(), found.where.state)
        return (write, after.place.alias_at(candidate.number))
    return FINISH(found, candidate)


def _forgets_the_end(state: RolloutState | None) -> str:
    return ""


def _never_lapses(found: session.Session, view: RouterView, counters: Any, *, whole: bool) -> session.Session:
    return COUNT(found, view, counters, whole=True)


def _no_entry(operation: Any) -> bool:
    return not isinstance(operation, AppendLedger)


def _as_a_claim(found: session.Session, _seconds: float | None = None) -> Lease:
    return LEASE(found, session.CLAIM_SECONDS)


def _nothing(*_: Any, **__: Any) -> None:
    """Check nothing."""


@contextmanager
def _only_errors(found: session.Session, *, always: bool) -> Iterator[None]:
    """Take traffic back after an error, and not when the run is cancelled."""
    try:
        yield
    except Exception as problem:
        if always or isinstance(problem, IntegrityError):
            session.release(found, "stopped")
        raise


PERFORM, DEPLOY = SetSplit.perform, DeploySlot.perform
GO_ON, COUNT, LEASE = session.go_on, session._count, session._lease
FINISH = outright.finish_promotion
HARMLESS = tuple(row for row in evidence.TRANSITIONS if row.decision is not Decision.ROLLBACK)
ENDLESS = tuple(row for row in evidence.TRANSITIONS if not row.reason.startswith("deadline"))

BUGS = (
    Bug(name="the claim is skipped", rows=((Claimed, _only(lambda o: not isinstance(o, SetSplit))),)),
    Bug(name="the hook runs before the claim", rows=((Claimed, _order(1, 0)),)),
    Bug(name="the hook never runs", rows=((Claimed, _only(lambda o: not isinstance(o, DeploySlot))),)),
    Bug(
        name="no ledger entry for a promotion",
        rows=((Proven, _only(_no_entry)),),
    ),
    Bug(name="router before ledger", rows=((Proven, _order(1, 0)),)),
    Bug(name="alias before ledger", rows=((Proven, _order(2, 0, 1)),)),
    Bug(name="nobody minds harm", patches=((evidence, "TRANSITIONS", HARMLESS),)),
    Bug(name="a run that goes on forgets harm", patches=((session, "is_harmful", lambda _plan, _evidence: False),)),
    Bug(name="no deadline", patches=((evidence, "TRANSITIONS", ENDLESS),)),
    Bug(name="no fencing", patches=((SetSplit, "perform", _same_seq),)),
    Bug(name="anybody's write is adopted", patches=((session, "_adopt", _adopts_all),)),
    Bug(name="a run that stops takes anybody's traffic", patches=((session, "release", _takes_all),)),
    Bug(name="a live run is ousted", patches=((situation, "SITUATIONS", _without(Situation.ALIVE)),)),
    Bug(name="a claim is no reason to wait", patches=((situation, "SITUATIONS", _without(Situation.CLAIMED)),)),
    Bug(name="the lease is not renewed", patches=((session, "go_on", _renews_nothing),)),
    Bug(name="the lease is not renewed with a new share", rows=((Shared, _same_lease), (Based, _same_lease))),
    Bug(name="every lease is as long as a claim", patches=((session, "_lease", _as_a_claim),)),
    Bug(name="counters outlive a change of share", rows=((Shared, _keeps_counters),)),
    Bug(name="a look does not move the counters on", rows=((Looked, _keeps_counters),)),
    Bug(name="looks are written twice", rows=((Renewed, _keeps_pending),)),
    Bug(name="what came after the lease proves all", patches=((session, "_count", _never_lapses),)),
    Bug(name="a late renewal goes unnoticed", patches=((session, "_in_time", lambda _before, after: after),)),
    Bug(name="one look is enough", patches=((evidence, "LOOKS_PER_STEP", 1),)),
    Bug(name="a step is left out", rows=((Shared, _last_share),)),
    Bug(name="arms are not checked", patches=((session, "check_arms", _nothing), (ending, "check_arms", _nothing))),
    Bug(name="a promotion does not look whose traffic it is", patches=((ending, "check_hand", _nothing),)),
    Bug(name="a stop is not urgent", rows=((Ended, _not_urgent),)),
    Bug(name="a rollback is not urgent", rows=((Reverted, _not_urgent),)),
    Bug(name="the record of a way back comes first", patches=((ending, "_back", _record_first),)),
    Bug(name="settled without asking the router", patches=((ending, "settle", _settles_blindly),)),
    Bug(name="a hook fills the slot that serves", patches=((DeploySlot, "perform", _anywhere),)),
    Bug(name="nobody holds the slot that it fills", patches=((doors.Router, "hold", _held_by_nobody),)),
    Bug(name="a finished promotion swaps again", patches=((canary, "finish_promotion", _swaps_again),)),
    Bug(name="a rejection is not recorded", patches=((history, "rejected", _forgets_the_end),)),
    Bug(name="an end without evidence is not recorded", patches=((history, "undecided", _forgets_the_end),)),
    Bug(name="a stopped canary is not marked", rows=((Reverted, _state(rejected=False)),)),
    Bug(name="no standby after a way back", rows=((Settled, _only(lambda o: not isinstance(o, DeploySlot))),)),
    Bug(
        name="a schedule tries again what was turned down",
        patches=((situation, "SITUATIONS", _without(Situation.TURNED_DOWN)),),
    ),
    Bug(name="only errors take traffic back", patches=((canary, "_traffic_returns", _only_errors),)),
)
