"""What a command has to say, for every face to lay out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_cicd.domain.operation import Receipt
from ml_cicd.domain.verdict import Verdict
from ml_cicd.errors import Exit


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows for people; the first row of cells is the header."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One run of one command.

    `headline` is one sentence. `outputs` have exactly the names that the command declares.
    `cure` says what to do next where something is to be done. `details` is JSON data for machines.
    """

    command: str
    exit_code: Exit
    headline: str
    outputs: Mapping[str, str]
    cure: str = ""
    verdict: Verdict | None = None
    receipt: Receipt | None = None
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
