"""What people read of a registered version: why it was let in, and where it comes from. All of it from its verdict."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ml_cicd.faces import words
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.finding import Severity
from ml_cicd.ground.parse import as_integer, as_list, as_mapping, as_number, as_text, optional, required
from ml_cicd.ground.report import Cell, Table

LONGEST_DESCRIPTION = 5000  # what MLflow takes on PostgreSQL; on a sqlite file it takes any
LONGEST_VALUE = 300
NOT_IN_A_METRIC = re.compile(r"[^\w .\-/]+")
HEADER = ("rule", "outcome", "demand", "estimate", "low", "high", "rows")
NUMBERS = {"value": "", "lower": ".low", "upper": ".high"}
WHERE = "The verdict's record"


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Rules as they were judged, a row for each under `HEADER`, and facts of the lineage by name."""

    rules: tuple[tuple[Cell, ...], ...]
    facts: Mapping[str, str]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The card in a report."""
        facts = tuple(self.facts.items())
        return (
            Table(title="What the gate said", header=HEADER, rows=self.rules),
            Table(title="Where it comes from", header=("what", "which"), rows=facts),
        )

    @property
    def description(self) -> str:
        """The card as Markdown, short enough for a registry; what is cut is in the version's gate report."""
        lines = [*_facts(self.facts), "", *_grid(self.rules)]
        kept: list[str] = []
        room = LONGEST_DESCRIPTION - 100
        for line in lines:
            room -= len(line) + 1
            if room < 0:
                kept.append(f"\n({len(lines) - len(kept)} more lines: see the tag mlcicd.gate_report)")
                break
            kept.append(line)
        return "\n".join(kept)


def card(record: str, lineage: Mapping[str, str]) -> Card:
    """Lay out a verdict's record (`GateClaim.text`) beside what is known of the model; what is empty is left out.

    Raises:
        EvidenceError: the record is none.
    """
    with _reading():
        verdict = as_mapping(json.loads(record), WHERE)
        bindings = required(verdict, "bindings", as_mapping, WHERE)
        data = optional(bindings, "data", as_mapping, WHERE) or {}
        facts = {
            **lineage,
            "policy": str(bindings.get("policy", "")),
            **{f"data, {name}": str(digest) for name, digest in sorted(data.items())},
        }
        rules = tuple(_row(found) for found in _findings(verdict))
    return Card(rules=rules, facts={name: value for name, value in facts.items() if value})


def metrics_of(record: str) -> dict[str, float]:
    """Return a verdict's numbers as a run shows them: gate.accuracy, and its one-sided bounds gate.accuracy.low, .high.

    Raises:
        EvidenceError: the record is none.
    """
    found: dict[str, float] = {}
    with _reading():
        for finding in _findings(as_mapping(json.loads(record), WHERE)):
            name = f"gate.{NOT_IN_A_METRIC.sub('_', required(finding, 'rule', as_text, WHERE))}"
            for key, suffix in NUMBERS.items():
                number = optional(finding, key, as_number, WHERE)
                if number is not None:
                    found[name + suffix] = number
    return found


@contextmanager
def _reading() -> Iterator[None]:
    """Say what a record is where it cannot be read: reports and tags are what anybody can edit."""
    try:
        yield
    except (ValueError, RecursionError, InputError) as problem:
        raise EvidenceError(
            f"{WHERE} cannot be read: {problem}", cure="Run `ml-cicd quality-gate --model ...` again, then register."
        ) from problem


def _findings(verdict: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    return (as_mapping(found, WHERE) for found in required(verdict, "findings", as_list, WHERE))


def _row(finding: Mapping[str, object]) -> tuple[Cell, ...]:
    let_through = " (only warns)" if finding.get("severity") == Severity.WARN.value else ""
    return (
        required(finding, "rule", as_text, WHERE),
        required(finding, "outcome", as_text, WHERE) + let_through,
        optional(finding, "demand", as_text, WHERE) if finding.get("demand") else "",
        *(optional(finding, key, as_number, WHERE) for key in NUMBERS),
        optional(finding, "n", as_integer, WHERE),
    )


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    yield "Registered by ml-cicd: the quality gate passed exactly these bytes."
    yield ""
    for name, value in facts.items():
        yield f"- {_plain(name)}: {_plain(value) if '://' in value else f'`{_plain(value)}`'}"


def _grid(rows: tuple[tuple[Cell, ...], ...]) -> Iterator[str]:
    yield f"| {' | '.join(HEADER)} |"
    yield f"|{'---|' * len(HEADER)}"
    for row in rows:
        yield f"| {' | '.join(_plain(words.cell(cell)) for cell in row)} |"


def _plain(text: str) -> str:
    """Make text harmless in a cell, a line or a code span of Markdown: nothing ends it, and nothing is HTML."""
    flat = " ".join(text.split())[:LONGEST_VALUE]
    return flat.replace("`", "'").replace("|", "/").replace("<", "&lt;")
