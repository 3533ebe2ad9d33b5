"""The record for people who were not there: who put what over what, when, on which verdict, in which run."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from heapq import merge
from operator import attrgetter

from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.versions import TAG_ACTOR, TAG_GATE_DIGEST, TAG_RUN, RegistrySnapshot

SCHEMA = "ml-cicd/ledger-export/v1"
REGISTERED = "register"
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # what spreadsheets calculate, wide forms too
CONTROL = ("\t", "\r", "\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLine:
    """One thing that happened; its fields are the export's columns, in this order, for good.

    `entry` is the ledger's number; empty for a registration, which the registry itself keeps. `before` and `after`
    served on `target`. `at` is UTC, ISO 8601. `chain` and `seal` are the ledger's (`chain.py`).
    """

    at: str
    event: str
    entry: str
    target: str
    version: str
    before: str
    after: str
    model_digest: str
    verdict_digest: str
    actor: str
    run_url: str
    reason: str
    chain: str = ""
    seal: str = ""


COLUMNS = tuple(field.name for field in fields(AuditLine))


def audit(ledger: Ledger, known: RegistrySnapshot) -> tuple[AuditLine, ...]:
    """Return all that happened, oldest first: times place a registration, entries keep the ledger's order."""
    return tuple(merge(_entries(ledger, known), _registrations(known), key=attrgetter("at")))


def as_csv(lines: Sequence[AuditLine]) -> str:
    """Return a table that no spreadsheet calculates: what would begin a formula has an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)  # else a lone \r ends a row
    writer.writerow(COLUMNS)
    writer.writerows([_plain(cell) for cell in asdict(line).values()] for line in lines)
    return text.getvalue()


def as_json(model: str, lines: Sequence[AuditLine]) -> str:
    """Return the same for machines, each text as it was written."""
    data = {"schema": SCHEMA, "model": model, "entries": [asdict(line) for line in lines]}
    return json.dumps(data, indent=2, ensure_ascii=True) + "\n"


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(CONTROL) or cell.lstrip().startswith(FORMULA) else cell


def _entries(ledger: Ledger, known: RegistrySnapshot) -> Iterator[AuditLine]:
    digests = {version.number: version.digest for version in known.versions}
    serving: dict[str, str] = {}
    for entry in ledger.entries:
        yield AuditLine(
            at=entry.at,
            event=entry.op.value,
            entry=entry.number,
            target=entry.target,
            version=entry.candidate,
            before=serving.get(entry.target, ""),
            after=entry.champion,
            model_digest=digests.get(entry.candidate, ""),
            verdict_digest=entry.verdict_digest,
            actor=entry.actor,
            run_url=entry.run_url,
            reason=entry.reason,
            chain=entry.chain,
            seal=entry.seal,
        )
        serving[entry.target] = entry.champion


def _registrations(known: RegistrySnapshot) -> Iterator[AuditLine]:
    for version in known.versions:
        yield AuditLine(
            at=version.registered_at,
            event=REGISTERED,
            entry="",
            target="",
            version=version.number,
            before="",
            after="",
            model_digest=version.digest,
            verdict_digest=version.tags.get(TAG_GATE_DIGEST, ""),
            actor=version.tags.get(TAG_ACTOR, ""),
            run_url=version.tags.get(TAG_RUN, ""),
            reason="",
        )
