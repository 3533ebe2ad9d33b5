"""Every change of a rollout's phase: one table from (phase, event) to (phase, operations). No I/O, no clock.

Two rules of this file. What the table does not allow raises, and changes nothing. Every effect of an event is one of
its row's operations, in the row's order, which is the order that a kill between any two of them can bear:

    deploying   the claim before the hook, or a rollback could give traffic to a slot that is being filled
    promoting   ledger, then router, then alias: a promotion on record is finished by the next run, but traffic without
                a record would be undone by it
    going back  traffic first, and only then the record, whatever state the registry is in

The diagram of docs/architecture.md is drawn from `ROWS` by tools/render_docs.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ml_cicd.ground.errors import Defect
from ml_cicd.registry.ledger import LedgerOp
from ml_cicd.registry.operations import AppendLedger, SetAlias
from ml_cicd.registry.versions import NOTHING, Release
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
from ml_cicd.rollout.history import entries_due, known_digest, was_left
from ml_cicd.rollout.operations import DeploySlot, SetSplit
from ml_cicd.rollout.site import AnyOperation, Place
from ml_cicd.rollout.state import Observation, Phase, RolloutState, Split

FIRST_RELEASE = "first release: there was no champion"
ON_RECORD = "its promotion was on record"
Operations = tuple[AnyOperation, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """Where a rollout stands; `pending` was seen since the last write to the router."""

    place: Place
    split: Split
    state: RolloutState | None
    pending: tuple[Observation, ...] = ()

    @property
    def phase(self) -> Phase | None:
        """Phase; None where no rollout ever ran."""
        return None if self.state is None else self.state.phase

    @property
    def running(self) -> RolloutState:
        """The state of a rollout that must be there."""
        if self.state is None:
            raise Defect("There is no rollout.")
        return self.state


def _write(where: Where, split: Split, state: RolloutState | None, *, urgent: bool = False) -> tuple[Where, SetSplit]:
    """`urgent`: it takes traffic back from somebody, which must not depend on files."""
    target, before, seen = where.place.target, where.split.seq, where.pending
    operation = SetSplit(target=target, split=split, state=state, expect_seq=before, seen=seen, urgent=urgent)
    return replace(where, split=split, state=state, pending=()), operation


def _fresh(where: Where, event: Claimed | FirstReleased, phase: Phase, champion: Release) -> RolloutState:
    """Return the state of a rollout that begins; the idle slot's version stays its standby."""
    standby = NOTHING if where.state is None else where.state.idle
    model, version = where.place.model, event.candidate.version
    return RolloutState(
        run_id=f"{model}-{version}-{int(event.at)}",
        model=model,
        candidate=event.candidate,
        champion=champion,
        standby=standby if standby.version != version else NOTHING,
        phase=phase,
        step=0,
        started_at=event.at,
        deadline_seconds=event.deadline_seconds,
        reason="",
        plan_digest=event.plan_digest,
    )


def _claimed(where: Where, event: Claimed) -> tuple[Where, Operations]:
    fresh = event.lease.signed(_fresh(where, event, Phase.DEPLOYING, event.champion))
    state = replace(fresh, step=event.step)
    # Until the hook is through the slot holds what it held: where somebody went back from that, nobody is sent there.
    salt = where.split.salt if where.split.left else state.salt
    after, claim = _write(where, where.split.shared(0, until=event.lease.until, salt=salt), state)
    owner = event.lease.owner
    deploy = DeploySlot(slot=after.split.idle, model=where.place.model, release=event.candidate, owner=owner)
    return after, (claim, deploy)


def _deployed(where: Where, event: Deployed) -> tuple[Where, Operations]:
    # Nothing to write yet: until the first share is, a run that dies here leaves a claim that ends by itself.
    return replace(where, state=replace(where.running, phase=Phase.RUNNING, started_at=event.at)), ()


def _shares(where: Where, state: RolloutState, threshold: int, lease: Lease) -> tuple[Where, Operations]:
    split = where.split.shared(threshold, until=lease.until, salt=state.salt)
    after, write = _write(where, split, lease.signed(state))
    return after, (write,)


def _shared(where: Where, event: Shared) -> tuple[Where, Operations]:
    state = replace(where.running, step=event.step, counters=None)
    return _shares(where, state, event.threshold, event.lease)


def _based(where: Where, event: Based) -> tuple[Where, Operations]:
    return _shares(where, replace(where.running, counters=event.counters), where.split.threshold, event.lease)


def _looked(where: Where, event: Looked) -> tuple[Where, Operations]:
    state = replace(where.running, counters=event.counters, started_at=event.began)
    if event.seen is None:
        return replace(where, state=state), ()
    return replace(where, state=replace(state, looks=state.looks + 1), pending=(*where.pending, event.seen)), ()


def _renewed(where: Where, event: Renewed) -> tuple[Where, Operations]:
    return _shares(where, where.running, where.split.threshold, event.lease)


def _proven(where: Where, event: Proven) -> tuple[Where, Operations]:
    version = where.running.candidate.version
    promoted = replace(where.running, phase=Phase.PROMOTED, reason=event.reason, counters=None)
    record: Operations = ()
    if event.ledger.champion != version:  # else an interrupted run has written it
        record = (_promotion(event, version),)
    after, move = _write(where, where.split.swapped(), promoted)
    return after, (*record, move, where.place.alias_at(version))


def _promotion(event: Proven | FirstReleased, version: str) -> AppendLedger:
    return event.author.entry(
        event.ledger,
        LedgerOp.PROMOTE,
        champion=version,
        candidate=version,
        reason=event.reason if isinstance(event, Proven) else FIRST_RELEASE,
        verdict_digest=event.verdict_digest,
    )


def _refused(where: Where, event: Refused) -> tuple[Where, Operations]:
    ended = replace(where.running, phase=Phase.ROLLED_BACK, reason=event.reason, rejected=True, counters=None)
    after, move = _write(where, where.split.calm(back_to=ended.champion.version), ended, urgent=True)
    return after, (move,)


def _timed_out(where: Where, event: TimedOut) -> tuple[Where, Operations]:
    ended = replace(where.running, phase=Phase.HELD, reason=event.reason, undecided=True, counters=None)
    after, move = _write(where, where.split.calm(), ended, urgent=True)
    return after, (move,)


def _ended(where: Where, event: Ended) -> tuple[Where, Operations]:
    state = where.state
    held = None if state is None else replace(state, phase=Phase.HELD, reason=event.reason, counters=None)
    after, move = _write(where, where.split.calm(), held, urgent=True)
    return after, (move,)


def _first_released(where: Where, event: FirstReleased) -> tuple[Where, Operations]:
    fresh = replace(_fresh(where, event, Phase.PROMOTED, NOTHING), reason=FIRST_RELEASE, standby=NOTHING)
    after, move = _write(where, where.split.calm(), fresh)
    version = event.candidate.version
    deploy = DeploySlot(slot=after.split.serving, model=where.place.model, release=event.candidate, serves=True)
    return after, (deploy, _promotion(event, version), move, where.place.alias_at(version))


def _finished(where: Where, _event: Finished) -> tuple[Where, Operations]:
    promoted = replace(where.running, phase=Phase.PROMOTED, reason=ON_RECORD, counters=None)
    after, move = _write(where, where.split.swapped(), promoted)
    return after, (move, where.place.alias_at(promoted.candidate.version))


def _reverted(where: Where, event: Reverted) -> tuple[Where, Operations]:
    """The aim is champion, and the other slot keeps what it holds: where only a canary is stopped, the standby that the
    candidate took the slot from comes back to it later.
    """
    state = where.state
    if state is not None:
        digest = event.to.digest or known_digest(event.to.version, state)
        leaves = event.to.version != state.candidate.version
        moved = f"stopped version {state.candidate.version}" if event.stays else f"rolled back to {event.to.version}"
        state = replace(
            state,
            phase=Phase.REVERTED,
            champion=Release(version=event.to.version, digest=digest),
            standby=state.standby if event.stays else event.left,
            reason=event.reason or moved,  # as given: the command that finishes the record names it again
            # One that never started was judged by nobody. What an earlier end left to be recorded is still to be.
            rejected=(event.stays and state.phase is Phase.RUNNING) or (state.rejected and leaves),
            undecided=state.undecided and leaves,
            counters=None,
        )
    # Where the aim is down, what is left may be all that answers.
    to = event.to.version if event.answers else ""
    split = where.split.swapped(back_to=event.to.version) if event.swap else where.split.calm(back_to=to)
    after, move = _write(where, split, state, urgent=True)
    return after, (move,)


def _rewritten(where: Where, _event: Rewritten) -> tuple[Where, Operations]:
    after, write = _write(where, where.split.calm(), where.state, urgent=True)
    return after, (write,)


def _settled(where: Where, event: Settled) -> tuple[Where, Operations]:
    entries = entries_due(event.author, event.ledger, where.state, event.outcome)
    alias = where.place.alias_at(event.outcome.champion)  # an earlier run may have left it
    # While a rollout is open, the idle slot is its candidate's.
    wanted = NOTHING if where.state is None or where.state.open else where.state.idle
    back: Operations = ()
    # Nothing to do where the slot has it, which is asked after the record.
    free = where.place.has_hook and not event.keeps
    if wanted and wanted.digest and free and not was_left(where.state, wanted, event.outcome):
        back = (DeploySlot(slot=where.split.idle, model=where.place.model, release=wanted),)
    return where, (*entries, alias, *back)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What an event leads to: `to` is the phase afterwards (None: the one before), `effects` the kinds of operations
    that it may have, in this order. A rollback on a router that never had a rollout has no phase after it either.
    """

    phases: tuple[Phase | None, ...]
    event: type[Event]
    to: Phase | None
    effects: tuple[type[Any], ...]
    step: Callable[[Where, Any], tuple[Where, Operations]]


EVERY = (None, *Phase)
OVER = (None, Phase.PROMOTED, Phase.ROLLED_BACK, Phase.HELD, Phase.REVERTED)
RUNNING = (Phase.RUNNING,)
ROWS: tuple[Row, ...] = (
    # A claim whose lease has passed is nobody's any more, so a new one may follow it.
    Row(
        phases=(*OVER, Phase.DEPLOYING),
        event=Claimed,
        to=Phase.DEPLOYING,
        effects=(SetSplit, DeploySlot),
        step=_claimed,
    ),
    Row(phases=(Phase.DEPLOYING,), event=Deployed, to=Phase.RUNNING, effects=(), step=_deployed),
    Row(phases=RUNNING, event=Shared, to=Phase.RUNNING, effects=(SetSplit,), step=_shared),
    Row(phases=RUNNING, event=Based, to=Phase.RUNNING, effects=(SetSplit,), step=_based),
    Row(phases=RUNNING, event=Looked, to=Phase.RUNNING, effects=(), step=_looked),
    Row(phases=RUNNING, event=Renewed, to=Phase.RUNNING, effects=(SetSplit,), step=_renewed),
    Row(phases=RUNNING, event=Proven, to=Phase.PROMOTED, effects=(AppendLedger, SetSplit, SetAlias), step=_proven),
    Row(phases=RUNNING, event=Refused, to=Phase.ROLLED_BACK, effects=(SetSplit,), step=_refused),
    Row(phases=RUNNING, event=TimedOut, to=Phase.HELD, effects=(SetSplit,), step=_timed_out),
    Row(phases=EVERY, event=Ended, to=Phase.HELD, effects=(SetSplit,), step=_ended),
    Row(
        phases=(*OVER, Phase.DEPLOYING),
        event=FirstReleased,
        to=Phase.PROMOTED,
        effects=(DeploySlot, AppendLedger, SetSplit, SetAlias),
        step=_first_released,
    ),
    Row(phases=(Phase.HELD,), event=Finished, to=Phase.PROMOTED, effects=(SetSplit, SetAlias), step=_finished),
    Row(phases=EVERY, event=Reverted, to=Phase.REVERTED, effects=(SetSplit,), step=_reverted),
    Row(phases=(*OVER,), event=Rewritten, to=None, effects=(SetSplit,), step=_rewritten),
    Row(phases=EVERY, event=Settled, to=None, effects=(AppendLedger, SetAlias, DeploySlot), step=_settled),
)
TABLE = {(phase, row.event): row for row in ROWS for phase in row.phases}


def step(where: Where, event: Event) -> tuple[Where, Operations]:
    """Return where the rollout stands after an event, and what has to be performed for that, in order.

    Raises:
        Defect: the table does not have this event in this phase.
    """
    row = TABLE.get((where.phase, type(event)))
    if row is None:
        raise Defect(f"{type(event).__name__} cannot happen to a rollout that is {where.phase or 'not there'}.")
    return row.step(where, event)
