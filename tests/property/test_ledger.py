"""The ledger's laws: what counts does not depend on who reads it, when, or in which order."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.registry.chain import LONGEST_REASON, sealed
from ml_cicd.registry.ledger import LedgerEntry, LedgerOp, replay, replay_newest
from ml_cicd.registry.mlflow.ledger import dump_entry, parse_entry

LINES = st.builds(
    LedgerEntry,
    number=st.just(""),
    previous=st.integers(0, 8).map(str),
    op=st.sampled_from(LedgerOp),
    target=st.text(),
    champion=st.text(),
    candidate=st.text(),
    actor=st.text(),
    run_url=st.text(),
    reason=st.text(max_size=LONGEST_REASON),
    verdict_digest=st.text(),
    at=st.text(),
)


@st.composite
def logs(draw: st.DrawFn) -> tuple[LedgerEntry, ...]:
    """Entries as a registry numbers them: each number once; what their writers had seen is anybody's guess."""
    numbers = draw(st.lists(st.integers(1, 12), unique=True, max_size=10))
    return tuple(replace(draw(LINES), number=str(number)) for number in numbers)


@given(logs())
def test_replay_is_idempotent(log: tuple[LedgerEntry, ...]) -> None:
    """What counts once counts again, and all of it."""
    once = replay(log)
    assert replay(once.entries) == once


@given(logs(), st.randoms())
def test_the_order_of_arrival_does_not_matter(log: tuple[LedgerEntry, ...], random: Random) -> None:
    """Only the registry's numbers order the entries."""
    shuffled = list(log)
    random.shuffle(shuffled)
    assert replay(tuple(shuffled)) == replay(log)


@given(logs())
def test_an_entry_that_had_not_seen_the_head_never_counts(log: tuple[LedgerEntry, ...]) -> None:
    """The valid entries are a chain from "0": each names the one before it, and the head is the last."""
    ledger = replay(log)
    numbers = ["0", *(entry.number for entry in ledger.entries)]
    assert [entry.previous for entry in ledger.entries] == numbers[:-1]
    assert ledger.head == numbers[-1]
    for entry in set(log) - set(ledger.entries):
        before = [n for n in numbers if int(n) < int(entry.number)]
        assert entry.previous != before[-1]


@given(logs(), LINES)
def test_a_stale_writer_changes_nothing(log: tuple[LedgerEntry, ...], line: LedgerEntry) -> None:
    """An entry that comes after all others counts exactly if its writer had seen the head."""
    ledger, late = replay(log), replace(line, number="13")
    after = replay((*log, late))
    assert after.entries == (*ledger.entries, *([late] if late.previous == ledger.head else []))


@given(LINES, st.integers(1).map(str))
def test_what_is_written_is_read(line: LedgerEntry, number: str) -> None:
    """Dump and parse are inverse; the number is the registry's."""
    for entry in (replace(line, number=number), sealed(replace(line, number=number), replay(()))):
        assert parse_entry(number, dump_entry(entry), "here") == entry


@given(st.lists(st.tuples(st.booleans(), LINES), min_size=1, max_size=12), st.integers(1, 12))
def test_the_newest_are_judged_as_all_of_them_are(turns: list[tuple[bool, LedgerEntry]], newest: int) -> None:
    """Some writers had seen the head, some an earlier one: as long as one of the newest counts, the same ones count,
    whether the older ones are read or not.
    """
    log: tuple[LedgerEntry, ...] = ()
    heads = ["0"]
    for number, (late, line) in enumerate(turns, start=1):
        seen = heads[-2] if late and len(heads) > 1 else heads[-1]
        log = (*log, replace(line, number=str(number), previous=seen))
        heads = heads if seen != heads[-1] else [*heads, str(number)]
    everything, some = replay(log), log[-newest:]
    counting = tuple(entry for entry in everything.entries if entry in some)
    if counting:
        assert replay_newest(some).entries == counting
        assert replay_newest(some).head == everything.head
