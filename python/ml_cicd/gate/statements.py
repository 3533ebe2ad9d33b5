"""All statements, as text. Names are quoted here, and everything else in them is ours.

What a standard database does not know stands in `Dialect`. Conditions are counted by CASE: not all have FILTER.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ml_cicd.gate.columns import Column, Kind

NOT_A_VALUE = ("", "nan", "NaN", "NaT", "<NA>")  # what other tools write for nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """Words that databases do not share.

    Attributes:
        integer: the widest type of whole numbers.
        text: the type of text.
        finite: a condition on `{}` that is false for NaN and infinities.
        by_order: what joins to `a` the view `{}` as `b`, row by row in the order of both files.
    """

    integer: str
    text: str
    finite: str
    by_order: str


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def count_rows(view: str) -> str:
    """All rows."""
    return f"SELECT count(*) FROM {view}"


def count_gaps(view: str, name: str, column: Column, dialect: Dialect) -> str:
    """Rows with anything that stands for nothing: null, NaN, infinity, an empty text or `nan`."""
    value = quoted(name)
    conditions = [f"{value} IS NULL"]
    if column.kind is Kind.FLOAT:
        conditions.append(f"NOT {dialect.finite.format(value)}")
    if column.kind is Kind.TEXT:
        nothing = ", ".join(f"'{text}'" for text in NOT_A_VALUE)
        conditions.append(f"trim({value}) IN ({nothing})")
    return f"SELECT count(*) FROM {view} WHERE {' OR '.join(conditions)}"


def first_fraction(view: str, name: str, dialect: Dialect) -> str:
    """One value that is no whole number, as text."""
    value = quoted(name)
    return f"SELECT CAST({value} AS {dialect.text}) FROM {view} WHERE {value} <> floor({value}) LIMIT 1"


def count_distinct(view: str, name: str) -> str:
    """Different values of a column."""
    return f"SELECT count(DISTINCT {quoted(name)}) FROM {view}"


def class_value(name: str, column: Column, dialect: Dialect, alias: str = "") -> str:
    """Return the expression of a label or prediction: whole numbers as integers, so that 1.0 and 1 are one class."""
    value = alias + quoted(name)
    return f"CAST({value} AS {dialect.integer})" if column.is_fractional else value


def confusion(view: str, label: str, prediction: str, *, most: int) -> str:
    """Rows by the values of two expressions; at most so many groups."""
    return f"SELECT {label}, {prediction}, count(*) FROM {view} GROUP BY 1, 2 LIMIT {most}"


def order_statistics(view: str, name: str, ranks: Iterable[int]) -> str:
    """(rank, value) at each of these ranks of a sorted column; one sort serves all."""
    value = quoted(name)
    ordered = f"SELECT {value} AS v, row_number() OVER (ORDER BY {value}) AS r FROM {view}"
    return f"SELECT r, v FROM ({ordered}) AS o WHERE r IN ({', '.join(map(str, ranks))})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two tables of the same rows: its view, and the expressions of its classes."""

    view: str
    label: str
    prediction: str

    @property
    def is_right(self) -> str:
        """The condition that its prediction is its label."""
        return f"({self.prediction} = {self.label})"


def pairs(candidate: Side, champion: Side, join: str) -> str:
    """(rows, only the candidate is right, only the champion is right, labels differ), of the joined `a` and `b`."""
    only_candidate = _rows_where(f"{candidate.is_right} AND NOT {champion.is_right}")
    only_champion = _rows_where(f"{champion.is_right} AND NOT {candidate.is_right}")
    different = _rows_where(f"{candidate.label} <> {champion.label}")
    return f"SELECT count(*), {only_candidate}, {only_champion}, {different} FROM {candidate.view} a {join}"


def join_by_key(view: str, key: str) -> str:
    """Join `b` to `a` where their keys are equal."""
    return f"JOIN {view} b ON a.{quoted(key)} = b.{quoted(key)}"


def join_by_order(view: str, dialect: Dialect) -> str:
    """Join `b` to `a` row by row."""
    return dialect.by_order.format(view)


def _rows_where(condition: str) -> str:
    return f"coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"
