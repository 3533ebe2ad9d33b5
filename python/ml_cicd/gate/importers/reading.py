"""What an importer makes of a file: names with numbers, and what is known of the spread of each.

Nothing is checked before it is asked for, so what no rule names can be NaN, a path or a picture.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from ml_cicd.gate.importers.document import Document, Twice
from ml_cicd.gate.importers.names import MOST_NAMES, find, nearest, numbers_in
from ml_cicd.gate.importers.native import built, checked, read_metric
from ml_cicd.gate.mean import Mean
from ml_cicd.gate.samples import Estimate, Point, Proportion, Sample
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.stats.intervals import MOST_ROWS

ALIKE = 1e-9  # relative: both sides are the same formula in floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """One number as a tool wrote it.

    Attributes:
        value: as it stands there; it is checked when a rule asks for it.
        at: its name in the file.
        spread: what the file says of its spread, for people; empty where it says nothing.
        sample: makes a sample of the number once it is known to be one.
    """

    value: object
    at: str
    spread: str = ""
    sample: Callable[[float], Sample] = lambda value: Point(value=value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """All that one file says.

    Attributes:
        where: the file's path.
        tool: what it was taken for, e.g. "the results of a Hugging Face Trainer"; empty for a plain metrics file.
        given: numbers of which the tool's format says more than the number, by name.
        tree: the file's own data, in which all other names are looked up.
    """

    where: str
    tool: str = ""
    given: Mapping[str, Given] = field(default_factory=dict)
    tree: object = None

    @property
    def names(self) -> Iterator[str]:
        """The first few thousand names that a rule could ask for."""
        return islice(chain(self.given, numbers_in(self.tree)), MOST_NAMES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Importer:
    """Reads what one tool writes.

    Attributes:
        tool: what its files are called, e.g. "the results of a Hugging Face Trainer".
        names: which names it gives and what bounds them, for the documentation.
        recognises: whether a document is of this form.
        read: what the tool's format says of the numbers in it, by name. Raises `EvidenceError`.
        tree: where the names of a path begin; the document's data if it is left out.
    """

    tool: str
    names: str
    recognises: Callable[[Document], bool]
    read: Callable[[Document], Mapping[str, Given]]
    tree: Callable[[Document], object] = lambda document: document.data


def sample_of(reading: Reading, name: str) -> Sample | None:
    """Return the sample of one name; None where the file does not have it.

    Raises:
        EvidenceError: it is there, and is no finite number that the metric can have.
    """
    path = f"{reading.where}: {name}"
    try:
        if name in reading.given:
            given = reading.given[name]
            value = checked(name, given.value, path if given.at == name else f"{path} ({given.at})")
            return built(path, lambda: given.sample(value))
        found = find(reading.tree, name)
        if len(found) > 1 or any(isinstance(value, Twice) for value in found):
            raise EvidenceError(f"{path} stands there more than once.", cure="Give each number a name of its own.")
        return read_metric(name, found[0], path) if found else None
    except InputError as problem:
        raise EvidenceError(problem.what, cure=problem.cure) from problem


def absence(reading: Reading, name: str) -> str:
    """Say that a name is not there, and which one was probably meant."""
    return f"{reading.where} does not have it; {nearest(name, reading.names)}"


def sentences(reading: Reading, asked: Sequence[str]) -> tuple[str, ...]:
    """Say what the file was taken for, and what stands behind each name that was asked for."""
    if not reading.tool:
        return ()
    known = [(name, reading.given[name]) for name in asked if name in reading.given]
    parts = [_told(name, given) for name, given in known if given.spread or given.at != name]
    return (f"{reading.where} is read as {reading.tool}{': ' if parts else ''}{'; '.join(parts)}.",)


def _told(name: str, given: Given) -> str:
    found = name if given.at == name else f"{name} is {given.at}"
    return f"{found}, {given.spread}" if given.spread else found


def plain(value: object, at: str) -> Given:
    """Return a number of which nothing more is known."""
    return Given(value=value, at=at)


def share(value: object, at: str, *, n: object, of: str) -> Given:
    """Return a share of `n` rows, which `of` calls by name; a plain number where that cannot be."""
    part, rows = number_or_none(value), number_or_none(n)
    if part is None or rows is None or not 0 <= part <= 1 or not 0 < rows <= MOST_ROWS:
        return plain(value, at)
    return Given(
        value=value,
        at=at,
        spread=f"of {rows:,.0f} {of}",
        sample=lambda found: Proportion(successes=found * rows, n=rows),
    )


def mean(value: object, at: str, *, error: object, named: str, n: object = None) -> Given:
    """Return a mean with its standard error, which `named` calls by name; a plain number where there is none to go by.

    With the number of rows the spread of zeros and ones is told from every other one: those are a share of the rows.
    Where all rows are alike the standard error is 0, and says nothing of the spread.
    """
    found, spread, rows = number_or_none(value), number_or_none(error), number_or_none(n)
    count = int(rows) if rows is not None and 2 <= rows <= MOST_ROWS else 0
    if found is not None and spread is not None and count and _right_or_wrong(found, spread, count):
        return share(value, at, n=count, of="rows")
    if not spread:
        return plain(value, at)
    words = f"with its standard error {named}"
    if not count:
        return Given(
            value=value, at=at, spread=words, sample=lambda number: Estimate(value=number, standard_error=spread)
        )
    return Given(
        value=value,
        at=at,
        spread=f"{words} of {count:,} rows",
        sample=lambda number: Mean(value=number, standard_error=spread, n=count),
    )


def _right_or_wrong(found: float, spread: float, count: int) -> bool:
    """Whether each row is 0 or 1: between them, no other rows of that mean are spread as far."""
    return 0 <= found <= 1 and math.isclose(spread, math.sqrt(found * (1 - found) / (count - 1)), rel_tol=ALIKE)


def number_or_none(value: object) -> float | None:
    """Return a number as a float, NaN too; None for what is none, or too large to be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
