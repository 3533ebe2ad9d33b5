"""How an entry lies in MLflow."""

from dataclasses import dataclass

import pytest

from ml_cicd.ground.errors import CorruptState
from ml_cicd.registry.chain import LONGEST_REASON, sealed
from ml_cicd.registry.ledger import Ledger, LedgerEntry, LedgerOp
from ml_cicd.registry.mlflow.ledger import dump_entry, parse_entry

GIVEN = {
    "number": "3",
    "previous": "2",
    "op": LedgerOp.ROLLBACK,
    "target": "production",
    "champion": "7",
    "candidate": "8",
    "actor": "ann",
    "run_url": "",
    "reason": "because",
    "verdict_digest": "sha256:0",
    "at": "2026-11-23T11:00:00Z",
}
TEXT = (
    '{"actor": "ann", "at": "2026-11-23T11:00:00Z", "candidate": "8", "champion": "7", "op": "rollback", '
    '"previous": "2", "reason": "because", "run_url": "", "schema": 1, "target": "production", '
    '"verdict_digest": "sha256:0"}'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LaterEntry(LedgerEntry):
    """An entry as a later version may know it."""

    weather: str = "fine"


@pytest.mark.parametrize("kind", [LedgerEntry, LaterEntry])
def test_the_text_is_pinned(kind: type[LedgerEntry]) -> None:
    """What lies in registries stays readable: neither a new field nor a new order changes what is written."""
    assert dump_entry(kind(**GIVEN)) == TEXT  # type: ignore[arg-type]  # texts and one enum
    assert parse_entry("3", TEXT, "here") == LedgerEntry(**GIVEN)  # type: ignore[arg-type]


def test_a_very_long_reason_is_cut() -> None:
    """A registry's tag is not for novels."""
    entry = LedgerEntry(**{**GIVEN, "reason": "x" * 5000})  # type: ignore[arg-type]
    written = sealed(entry, Ledger(entries=()))
    assert len(written.reason) == LONGEST_REASON
    assert parse_entry("3", dump_entry(written), "here") == written


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"schema": 1', '"schema": 2', "a schema that this version does not know"),
        ('"rollback"', '"rolback"', "Did you mean 'rollback'"),
        ('"because"', "7", "here.reason: found the number 7, expected text"),
        ('"actor": "ann", ', "", "'actor' is missing"),
        ("{", "", "here cannot be read"),
    ],
)
def test_what_is_no_entry_says_why(old: str, new: str, says: str) -> None:
    """Nothing is guessed from half a record."""
    with pytest.raises(CorruptState, match=says):
        parse_entry("3", TEXT.replace(old, new), "here")
