"""The ledger in MLflow (ports.DeploymentLedger): a second registered model whose versions are the entries.

MLflow numbers versions consecutively and never twice, so the sequence is an append-only log that all writers see in
one order; `replay` keeps the entries whose writer had seen the head. That is compare-and-swap with a registry alone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ml_cicd.adapters.mlflow_client import connect, mapped
from ml_cicd.adapters.mlflow_registry import check_name, ensure_model, search
from ml_cicd.domain.model import TAG_ENTRY, Ledger, LedgerEntry, LedgerOp, replay
from ml_cicd.errors import Conflict, CorruptState, InputError
from ml_cicd.parse import as_integer, as_mapping, required, suggest

SCHEMA = 1
TEXTS = ("previous", "target", "champion", "candidate", "actor", "run_url", "reason", "verdict_digest", "at")
LONGEST_REASON = 2000


def ledger_name(model: str) -> str:
    """Return the name of a model's ledger."""
    return f"{model}--deployments"


class MlflowLedger:
    """The ledgers of one registry."""

    def __init__(self, uri: str) -> None:
        """Connect; fails within seconds when nobody answers."""
        self._uri = uri
        self._client = connect(uri)

    def read(self, name: str) -> Ledger:
        """Return the valid entries, oldest first."""
        check_name(name)
        with mapped(self._uri):
            versions = search(self._client, f"name='{ledger_name(name)}'")
        return replay(tuple(_entry(name, version) for version in versions))

    def append(self, name: str, entry: LedgerEntry) -> LedgerEntry:
        """Append one entry and read back whether it won."""
        check_name(name)
        data = {**asdict(entry), "schema": SCHEMA, "reason": entry.reason[:LONGEST_REASON]}
        del data["number"]
        head = self.read(name).head
        if head != entry.previous:
            raise _lost(name, entry, head)
        with mapped(self._uri):
            ensure_model(self._client, ledger_name(name))
            made = self._client.create_model_version(
                ledger_name(name),
                f"models:/{name}/{entry.champion}",
                tags={TAG_ENTRY: json.dumps(data, sort_keys=True)},
                await_creation_for=0,
            )
        ledger = self.read(name)
        written = next((e for e in ledger.entries if e.number == str(made.version)), None)
        if written is None:
            raise _lost(name, entry, ledger.head)
        return written


def _lost(name: str, entry: LedgerEntry, head: str) -> Conflict:
    return Conflict(
        f"The ledger of {name} moved on to entry {head} while this run had seen {entry.previous}.",
        cure="Somebody else promoted or rolled back; run `ml-cicd status`, then decide again.",
    )


def _entry(name: str, version: Any) -> LedgerEntry:  # noqa: ANN401  # MLflow's object
    where = f"Entry {version.version} of {ledger_name(name)}"
    try:
        data = as_mapping(json.loads(dict(version.tags).get(TAG_ENTRY, "null")), where)
        return _read(str(version.version), data, where)
    except (ValueError, RecursionError, InputError) as problem:
        raise CorruptState(
            f"{where} cannot be read: {problem}",
            cure="Somebody else wrote there; delete that version if it is not ours, else restore its tag.",
        ) from problem


def _read(number: str, data: Mapping[str, object], where: str) -> LedgerEntry:
    if required(data, "schema", as_integer, where) != SCHEMA:
        raise InputError(f"{where} has a schema that this version does not know.", cure="Use a newer ml-cicd.")
    op = required(data, "op", _text, where)
    if op not in set(LedgerOp):
        raise InputError(f"{where}: op {op!r} is unknown.", cure=suggest(op, list(LedgerOp)))
    return LedgerEntry(number=number, op=LedgerOp(op), **{key: required(data, key, _text, where) for key in TEXTS})


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path} is not text.", cure="Somebody changed the tag; see `ml-cicd status`.")
    return value
