"""The ledger in MLflow (registry.ports.DeploymentLedger): a second registered model whose versions are the entries.

MLflow numbers versions consecutively and never twice, so the sequence is an append-only log that all writers see in
one order; `replay` keeps the entries whose writer had seen the head. That is compare-and-swap with a registry alone.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ml_cicd.ground.errors import Conflict, CorruptState, InputError
from ml_cicd.ground.parse import as_integer, as_mapping, describe, optional, required, suggest
from ml_cicd.registry.chain import sealed
from ml_cicd.registry.ledger import Ledger, LedgerEntry, LedgerOp, replay, replay_newest
from ml_cicd.registry.mlflow.client import connect, mapped
from ml_cicd.registry.mlflow.versions import ensure_model, newest_of, search
from ml_cicd.registry.versions import TAG_ENTRY, check_model_name, ledger_name

SCHEMA = 1
TEXTS = ("previous", "target", "champion", "candidate", "actor", "run_url", "reason", "verdict_digest", "at")
SEALS = ("chain", "seal")
NEWEST = 500  # more than can race for one place


class MlflowLedger:
    """The ledgers of one registry."""

    def __init__(self, uri: str, fetch: Callable[[], None] = lambda: None) -> None:
        """Connect; fails within seconds when nobody answers. `fetch` makes MLflow importable before it is needed."""
        self._uri = uri
        self._client = connect(uri, fetch)

    def read(self, name: str, *, newest: int = 0) -> Ledger:
        """Return the valid entries, oldest first: all of them, or those among the `newest`."""
        check_model_name(name)
        query = f"name='{ledger_name(name)}'"
        with mapped(self._uri):
            versions, earlier = (
                newest_of(self._client, query, newest) if newest else (search(self._client, query), False)
            )
        entries = tuple(_entry(name, version) for version in versions)
        return replay_newest(entries) if earlier else replay(entries)

    def append_entry(self, name: str, entry: LedgerEntry) -> LedgerEntry:
        """Append one entry and read back whether it won."""
        # Asked before the write as well: a stale writer would otherwise leave an invalid entry for good.
        there = self.read(name, newest=NEWEST)
        if there.head != entry.previous:
            raise _lost(name, entry, there.head)
        with mapped(self._uri):
            ensure_model(self._client, ledger_name(name))
            made = self._client.create_model_version(
                ledger_name(name),
                f"models:/{name}/{entry.champion}",
                tags={TAG_ENTRY: dump_entry(sealed(entry, there))},
                await_creation_for=0,
            )
        ledger = self.read(name, newest=NEWEST)
        written = next((e for e in ledger.entries if e.number == str(made.version)), None)
        if written is None:
            raise _lost(name, entry, ledger.head)
        return written


def dump_entry(entry: LedgerEntry) -> str:
    """Return an entry as JSON without its number, which the registry gives.

    Named one by one: what a later version adds to the class does not change what lies in registries.
    """
    data: dict[str, object] = {name: getattr(entry, name) for name in TEXTS}
    data |= {"schema": SCHEMA, "op": entry.op.value}
    data |= {name: getattr(entry, name) for name in SEALS if entry.seal}
    return json.dumps(data, sort_keys=True)


def parse_entry(number: str, text: str, where: str) -> LedgerEntry:
    """Read what `dump_entry` wrote; `where` is for messages.

    Raises:
        CorruptState: it is something else.
    """
    try:
        return _read(number, as_mapping(json.loads(text), where), where)
    except (ValueError, RecursionError, InputError) as problem:
        raise CorruptState(
            f"{where} cannot be read: {problem}",
            cure="Somebody else wrote there; delete that version if it is not ours, else restore its tag.",
        ) from problem


def _entry(name: str, version: Any) -> LedgerEntry:  # noqa: ANN401  # MLflow's object
    where = f"Entry {version.version} of {ledger_name(name)}"
    return parse_entry(str(version.version), dict(version.tags).get(TAG_ENTRY, "null"), where)


def _read(number: str, data: Mapping[str, object], where: str) -> LedgerEntry:
    if required(data, "schema", as_integer, where) != SCHEMA:
        raise InputError(f"{where} has a schema that this version does not know.", cure="Use a newer ml-cicd.")
    op = required(data, "op", _text, where)
    if op not in set(LedgerOp):
        raise InputError(f"{where}: op {op!r} is unknown.", cure=suggest(op, list(LedgerOp)))
    texts = {key: required(data, key, _text, where) for key in TEXTS}
    texts |= {key: optional(data, key, _text, where) or "" for key in SEALS}
    return LedgerEntry(number=number, op=LedgerOp(op), **texts)


def _text(value: object, path: str) -> str:
    """Return text, which may be empty here."""
    if not isinstance(value, str):
        raise InputError(
            f"{path}: found {describe(value)}, expected text.", cure="Somebody changed the tag; see `ml-cicd status`."
        )
    return value


def _lost(name: str, entry: LedgerEntry, head: str) -> Conflict:
    return Conflict(
        f"The ledger of {name} moved on to entry {head} while this run had seen {entry.previous}.",
        cure="Somebody else promoted or rolled back; run `ml-cicd status`, then decide again.",
    )
