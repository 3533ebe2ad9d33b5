"""The append-only record of what served."""

from dataclasses import dataclass, field, replace
from enum import StrEnum


class LedgerOp(StrEnum):
    """What happened. A candidate that showed harm is rejected; a rollout that found out nothing has ended."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    REJECT = "reject"
    ENDED = "ended"

    @property
    def moves(self) -> bool:
        """Whether another version serves after it."""
        return self in {LedgerOp.PROMOTE, LedgerOp.ROLLBACK}


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """One line of the ledger.

    `number` is its place in the registry's order and `previous` the number of the last valid entry that its writer saw
    ("0" for none): an entry is valid only if that is still the head, so of two racing writers one wins.
    `champion` is the version that serves on `target` after it, `candidate` the version it is about.
    `at` is UTC, ISO 8601 with seconds. `chain` is the seal of the entry before it, `seal` its own (`chain.py`); both
    are empty in what an earlier version wrote.
    """

    number: str
    previous: str
    op: LedgerOp
    target: str
    champion: str
    candidate: str
    actor: str
    run_url: str
    reason: str
    verdict_digest: str
    at: str
    chain: str = ""
    seal: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """The valid entries, oldest first. `head` is the number of the model's last one on any target; "0" for none.

    `log` is all that was read, on any target and valid or not; `earlier` says that there are older ones, not read.
    """

    entries: tuple[LedgerEntry, ...]
    head: str = "0"
    log: tuple[LedgerEntry, ...] = field(default=(), compare=False, repr=False)
    earlier: bool = False

    def of(self, target: str) -> "Ledger":
        """Return what happened on one target."""
        return replace(self, entries=tuple(e for e in self.entries if e.target == target))

    @property
    def champion(self) -> str | None:
        """Version that serves by the record."""
        return self.entries[-1].champion if self.entries else None


def replay(entries: tuple[LedgerEntry, ...], head: str = "0") -> Ledger:
    """Keep the entries whose `previous` is the head at their turn (optimistic concurrency over an append-only log).

    `head` was the head before them.
    """
    valid: list[LedgerEntry] = []
    for entry in sorted(entries, key=lambda e: int(e.number)):
        if entry.previous == head:
            valid.append(entry)
            head = entry.number
    return Ledger(entries=tuple(valid), head=head, log=entries)


def replay_newest(entries: tuple[LedgerEntry, ...]) -> Ledger:
    """Do the same with the newest alone, where there are older ones.

    A writer names an entry that was the head when it looked, and heads only grow: before these entries the head was the
    highest that one of them names.
    """
    first = min(int(entry.number) for entry in entries)
    named = (int(entry.previous) for entry in entries if entry.previous.isdecimal())
    head = max((number for number in named if number < first), default=0)
    return replace(replay(entries, str(head)), earlier=True)
