"""What a command has to say, as typed sections; every face is a renderer over them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ml_cicd.ground.errors import Defect, Exit
from ml_cicd.ground.finding import Verdict
from ml_cicd.ground.operation import Receipt

REPORT_SCHEMA = "ml-cicd/report/v1"
Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What was judged, with the verdict over it."""

    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under named columns. A number stays a number here; `units` of its column (e.g. `%`) are for people.

    None is a cell without a value.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a ragged table and a number that is none."""
        if any(len(row) != len(self.header) for row in self.rows):
            raise Defect(f"A row of the table {self.title!r} does not fit its header.")
        if any(isinstance(cell, float) and not math.isfinite(cell) for row in self.rows for cell in row):
            raise Defect(f"The table {self.title!r} holds a number that is not finite.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Lines over one axis: `series` are (x, y) points by name, x ascending. Units of x and y are in the axes' names."""

    title: str
    x: str
    y: str
    series: Mapping[str, tuple[tuple[float, float], ...]]

    def __post_init__(self) -> None:
        """Refuse a number that is none."""
        if not all(math.isfinite(number) for points in self.series.values() for point in points for number in point):
            raise Defect(f"The curve {self.title!r} holds a number that is not finite.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """What happened when: (UTC, ISO 8601) and a sentence each, oldest first."""

    title: str
    moments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """One sentence that belongs to no other section."""

    text: str


Section: TypeAlias = Findings | Table | Curve | Timeline | Receipt | Note


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A file of its own beside the report; the output `output` becomes its path."""

    output: str
    name: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One run of one command.

    Attributes:
        headline: one sentence.
        outputs: exactly the names that the command declares.
        cure: what to do next, where something is to be done.
        sections: all else that it says, in the order in which people read it.
        details: JSON data for machines.
        documents: what other tools read, in forms of their own.
    """

    command: str
    exit_code: Exit
    headline: str
    outputs: Mapping[str, str]
    cure: str = ""
    sections: tuple[Section, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the first findings."""
        return next((s.verdict for s in self.sections if isinstance(s, Findings)), None)

    @property
    def receipt(self) -> Receipt | None:
        """The first receipt."""
        return next((s for s in self.sections if isinstance(s, Receipt)), None)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables."""
        return tuple(s for s in self.sections if isinstance(s, Table))

    @property
    def notes(self) -> tuple[str, ...]:
        """The text of all notes."""
        return tuple(s.text for s in self.sections if isinstance(s, Note))
