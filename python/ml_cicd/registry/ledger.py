"""The append-only record of what served."""

from dataclasses import dataclass, field
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

    `log` is all that was found, on any target and valid or not.
    """

    entries: tuple[LedgerEntry, ...]
    head: str = "0"
    log: tuple[LedgerEntry, ...] = field(default=(), compare=False, repr=False)

    def of(self, target: str) -> "Ledger":
        """Return what happened on one target."""
        return Ledger(entries=tuple(e for e in self.entries if e.target == target), head=self.head, log=self.log)

    @property
    def champion(self) -> str | None:
        """Version that serves by the record."""
        return self.entries[-1].champion if self.entries else None


def replay(entries: tuple[LedgerEntry, ...]) -> Ledger:
    """Keep the entries whose `previous` is the head at their turn (optimistic concurrency over an append-only log)."""
    valid: list[LedgerEntry] = []
    head = "0"
    for entry in sorted(entries, key=lambda e: int(e.number)):
        if entry.previous == head:
            valid.append(entry)
            head = entry.number
    return Ledger(entries=tuple(valid), head=head, log=entries)
