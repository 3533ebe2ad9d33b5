"""What is known of a version: by the state beside the router, and by the ledger."""

from dataclasses import dataclass

from ml_cicd.registry.ledger import Ledger, LedgerEntry, LedgerOp
from ml_cicd.registry.operations import AppendLedger
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.state import Phase, RolloutState


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who writes an entry, and when (UTC, ISO 8601)."""

    target: str
    model: str
    actor: str
    run_url: str
    at: str

    def entry(  # noqa: PLR0913  # one line of the record, each part by name
        self, ledger: Ledger, op: LedgerOp, *, champion: str, candidate: str, reason: str, verdict_digest: str = ""
    ) -> AppendLedger:
        """Return what appends the next entry, as this run sees the ledger."""
        entry = LedgerEntry(
            number="",
            previous=ledger.head,
            op=op,
            target=self.target,
            champion=champion,
            candidate=candidate,
            actor=self.actor,
            run_url=self.run_url,
            reason=reason,
            verdict_digest=verdict_digest,
            at=self.at,
        )
        return AppendLedger(name=self.model, entry=entry)


def rejected(state: RolloutState | None) -> str:
    """Return the candidate that lost its traffic in the last rollout, which the ledger must know; empty for none."""
    return state.candidate.version if state is not None and state.rejected else ""


def undecided(state: RolloutState | None) -> str:
    """Return the candidate whose last rollout found out nothing, which the ledger must know; empty for none."""
    return state.candidate.version if state is not None and state.undecided else ""


def unrecorded(ledger: Ledger, state: RolloutState | None) -> str:
    """Return the candidate whose last rollout ended in a way that the ledger does not have; empty where it has all."""
    lost, open_ended = rejected(state), undecided(state)
    about = lost or open_ended
    last = next((e for e in reversed(ledger.entries) if e.candidate == about), None)
    if state is None or last is None or last.op is LedgerOp.PROMOTE or (lost and last.op is LedgerOp.ENDED):
        return about
    # It may have been tried again. A rollout that ended by itself has words of its own, which the registry may cut.
    own = state.phase in {Phase.ROLLED_BACK, Phase.HELD} and last.op in {LedgerOp.REJECT, LedgerOp.ENDED}
    return about if own and not state.reason.startswith(last.reason) else ""


def turned_down_before(version: str, ledger: Ledger, state: RolloutState | None) -> str:
    """Return when and why the version lost its traffic, if that is the last that is known of it; else nothing."""
    if rejected(state) == version and state is not None:
        return f"was turned down in the last rollout: {state.reason}"
    # An end without evidence says nothing of a version, neither against it nor for it.
    about = (e for e in reversed(ledger.entries) if e.candidate == version and e.op is not LedgerOp.ENDED)
    last = next(about, None)
    if last is None or last.op is LedgerOp.PROMOTE:
        return ""
    return f"was turned down at {last.at}: {last.reason}"


def known_digest(version: str, state: RolloutState | None) -> str:
    """Return the digest of a version that the last rollout was about; empty where the state does not know it."""
    if state is None:
        return ""
    known = (state.candidate, state.champion, state.standby)
    return next((release.digest for release in known if release.version == version), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What happened to traffic, for the record: `champion` serves now, `before` served, `stopped` ended a rollout."""

    champion: str
    before: str
    stopped: bool
    reason: str


def entries_due(
    author: Author, ledger: Ledger, state: RolloutState | None, outcome: Outcome
) -> tuple[AppendLedger, ...]:
    """Return the entry that the ledger lacks, what an earlier run could not write included; nothing where it has all.

    A move comes first, and what is due besides it with the next command. A rejection or an end that this very run
    caused is written even if the last word on that version says so already: it was tried again.
    """
    if ledger.champion != outcome.champion:
        left = ledger.champion or outcome.before
        entry = author.entry(
            ledger, LedgerOp.ROLLBACK, champion=outcome.champion, candidate=left, reason=outcome.reason
        )
        return (entry,)
    lost = rejected(state)
    about = lost or undecided(state) if outcome.stopped else unrecorded(ledger, state)
    if not about:
        return ()
    by_itself = state is not None and (state.phase is Phase.ROLLED_BACK or state.undecided)
    reason = state.reason if state is not None and by_itself else outcome.reason
    op = LedgerOp.REJECT if lost else LedgerOp.ENDED
    return (author.entry(ledger, op, champion=outcome.champion, candidate=about, reason=reason),)


def was_left(state: RolloutState | None, standby: Release, outcome: Outcome) -> bool:
    """Whether the idle slot served this until a rollback. Nobody put anything else there, whatever it says now: where a
    bad version hangs, a rollback does not wait until it is there again.
    """
    if state is None or state.phase is not Phase.REVERTED:
        return False
    moved = outcome.before != outcome.champion
    return standby.version == state.candidate.version or (moved and standby.version == outcome.before)
