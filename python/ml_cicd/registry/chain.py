"""The ledger as a chain: each entry is sealed, and carries the seal of the one before it.

A change by hand shows: a seal that no longer fits its entry, a number that is gone, an entry that was not sealed. It is
no signature: whoever may write to the ledger and knows this file can make a new chain of all that follows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ml_cicd.ground.digest import canonical_digest
from ml_cicd.registry.ledger import Ledger, LedgerEntry

START = "start"
LONGEST_REASON = 2000
# Named one by one: what a later version adds to an entry does not change the seals that lie in registries.
SEALED = (
    "previous",
    "op",
    "target",
    "champion",
    "candidate",
    "actor",
    "run_url",
    "reason",
    "verdict_digest",
    "at",
    "chain",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """A place where the chain does not hold. `open` says whether somebody can still mend it, or has to decide."""

    what: str
    open: bool = True


def seal_of(entry: LedgerEntry) -> str:
    """Return the seal that fits the entry as it stands."""
    return canonical_digest({name: str(getattr(entry, name)) for name in SEALED})


def sealed(entry: LedgerEntry, ledger: Ledger) -> LedgerEntry:
    """Return the entry as it is written behind the last of all targets; a very long reason is cut."""
    before = seal_of(ledger.entries[-1]) if ledger.entries else START
    linked = replace(entry, reason=entry.reason[:LONGEST_REASON], chain=before)
    return replace(linked, seal=seal_of(linked))


def unchained(ledger: Ledger) -> int:
    """Return how many entries an earlier version wrote, without a seal."""
    return sum(not entry.seal for entry in ledger.log)


def breaks(ledger: Ledger) -> tuple[Break, ...]:
    """Name each entry that was changed, removed or put in by hand, as far as the chain tells."""
    log = sorted(ledger.log, key=lambda entry: int(entry.number))
    return (*_gone(log, ledger), *_changed(log), *_inserted(log))


def _gone(log: Sequence[LedgerEntry], ledger: Ledger) -> Iterator[Break]:
    """A registry never gives a number twice and nothing here deletes an entry: a number that is missing was there."""
    followers = {int(entry.previous): entry.number for entry in reversed(log) if entry.previous.isdecimal()}
    last = int(log[0].number) - 1 if ledger.earlier else 0
    for number in (int(entry.number) for entry in log):
        for missing in range(last + 1, number):
            after = followers.get(missing)
            if after is None:
                yield Break(what=f"Entry {missing} was removed; no other follows it.", open=False)
            else:
                # What counts goes on without it, once somebody has written what serves.
                lost = f"Entry {missing} was removed, so entry {after}, which follows it, does not count."
                yield Break(what=lost, open=int(after) > int(ledger.head))
        last = number


def _changed(log: Sequence[LedgerEntry]) -> Iterator[Break]:
    seals = {entry.number: seal_of(entry) for entry in log}
    torn = {entry.number for entry in log if entry.seal and entry.seal != seals[entry.number]}
    for number in sorted(torn, key=int):
        yield Break(what=f"Entry {number} was changed after it was written.")
    for entry in log:
        before = START if entry.previous == "0" else seals.get(entry.previous, entry.chain)
        if entry.seal and entry.chain != before and not torn & {entry.number, entry.previous}:
            what = f"entry {entry.number}" if entry.previous == "0" else f"entry {entry.previous}"
            yield Break(
                what=f"{what.capitalize()} is not the one that was there when entry {entry.number} was written."
            )


def _inserted(log: Sequence[LedgerEntry]) -> Iterator[Break]:
    chained = ""
    for entry in log:
        if entry.seal:
            chained = entry.number
        elif chained:
            how = "by hand, or by an older ml-cicd"
            yield Break(what=f"Entry {entry.number} has no seal, though entry {chained} before it has: written {how}.")
