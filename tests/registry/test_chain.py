"""The chain of entries: what somebody changed, removed or put in by hand is named."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.registry.chain import SEALED, breaks, sealed, unchained
from ml_cicd.registry.ledger import Ledger, LedgerEntry, LedgerOp, replay

Log = tuple[LedgerEntry, ...]


def entry(number: int) -> LedgerEntry:
    """An entry of an earlier version, which has no seal."""
    return LedgerEntry(
        number=str(number),
        previous=str(number - 1),
        op=LedgerOp.PROMOTE,
        target="production",
        champion=str(number),
        candidate=str(number),
        actor="ann",
        run_url="",
        reason="it was better",
        verdict_digest="sha256:0",
        at="2026-11-23T11:00:00Z",
    )


def chain(length: int, *, early: int = 0) -> Log:
    """Entries as `append_entry` writes them, the first ones as an earlier version did."""
    log: Log = tuple(entry(number) for number in range(1, early + 1))
    for number in range(early + 1, length + 1):
        log = (*log, sealed(entry(number), replay(log)))
    return log


def told(log: Log) -> list[tuple[str, bool]]:
    """What is said of a log."""
    return [(found.what, found.open) for found in breaks(replay(log))]


@given(st.integers(0, 6), st.integers(0, 6))
def test_what_is_written_holds(length: int, early: int) -> None:
    """A log that nobody touched has no break, entries of an earlier version at its beginning or not."""
    ledger = replay(chain(early + length, early=early))
    assert breaks(ledger) == ()
    assert unchained(ledger) == early
    assert len(ledger.entries) == early + length


def test_a_writer_that_lost_a_race_breaks_nothing() -> None:
    """Its entry had seen an earlier head, and says so truly."""
    log = chain(2)
    lost = replace(sealed(replace(entry(3), previous="1"), replay(log[:1])), number="3")
    won = replace(sealed(replace(entry(4), previous="2"), replay(log)), number="4")
    assert told((*log, lost, won)) == []
    assert [e.number for e in replay((*log, lost, won)).entries] == ["1", "2", "4"]


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_any_change_of_any_entry_is_named(name: str, place: int) -> None:
    """The last one too, before anything follows it."""
    log = chain(3)
    value = LedgerOp.ENDED if name == "op" else "0" if name == "previous" and place > 1 else "7"
    changed = tuple(replace(e, **{name: value}) if e.number == str(place) else e for e in log)  # type: ignore[arg-type]
    assert (f"Entry {place} was changed after it was written.", True) in told(changed)


def test_the_seal_covers_all_that_an_entry_says() -> None:
    """A new field of an entry needs a word on whether it is sealed."""
    assert {field.name for field in fields(LedgerEntry)} == {*SEALED, "number", "seal"}


def test_an_entry_that_was_written_anew_is_named_by_the_next() -> None:
    """Whoever seals what they changed breaks the chain behind it; an unchained one that is followed is covered too."""
    log = chain(4, early=1)
    anew = sealed(replace(log[1], champion="9"), replay(log[:1]))
    says = "Entry 2 is not the one that was there when entry 3 was written."
    assert told((log[0], anew, *log[2:])) == [(says, True)]
    before = replace(log[0], champion="9")
    assert told((before, *log[1:])) == [("Entry 1 is not the one that was there when entry 2 was written.", True)]


def test_a_removed_entry_is_named() -> None:
    """What follows it does not count until somebody goes on without it; then it is history."""
    log = chain(4)
    without = (*log[:1], *log[2:])
    assert told(without) == [("Entry 2 was removed, so entry 3, which follows it, does not count.", True)]
    ledger = replay(without)
    on = (*without, replace(sealed(replace(entry(5), previous="1"), ledger), number="5"))
    assert told(on) == [("Entry 2 was removed, so entry 3, which follows it, does not count.", False)]


def test_a_last_entry_that_was_removed_shows_once_another_is_written() -> None:
    """A registry never gives a number twice."""
    log = chain(2)
    on = (*log, replace(sealed(replace(entry(4), previous="2"), replay(log)), number="4"))
    assert told(on) == [("Entry 3 was removed; no other follows it.", False)]


def test_an_entry_without_a_seal_is_named() -> None:
    """Among sealed ones it was written by hand, or by a version that knew no seals."""
    log = (*chain(2), entry(3))
    says = "Entry 3 has no seal, though entry 2 before it has: written by hand, or by an older ml-cicd."
    assert told(log) == [(says, True)]


def test_a_target_alone_knows_of_the_whole_chain() -> None:
    """What was changed elsewhere is told for each target: the ledger is one."""
    log = chain(3)
    changed = (replace(log[0], reason="another"), *log[1:])
    assert breaks(replay(changed).of("shadow")) == breaks(replay(changed))
    assert breaks(Ledger(entries=())) == ()
