"""All statements, as text. Names are quoted here, and everything else in them is ours.

What a standard database does not know stands in `Dialect`. Conditions are counted by CASE: not all have FILTER.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ml_cicd.gate.columns import NUMBERS, TEXTS, Column, Kind

NOT_A_VALUE = ("", "nan", "NaN", "NaT", "<NA>")  # what other tools write for nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """Words that databases do not share.

    Attributes:
        integer: the widest type of whole numbers.
        text: the type of text.
        finite: a condition on `{}` that is false for NaN and infinities.
        number: the number that the text `{}` is, null where it is none.
        by_order: what joins to `a` the view `{}` as `b`, row by row in the order of both files.
    """

    integer: str
    text: str
    finite: str
    number: str
    by_order: str


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"


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
        nothing = ", ".join(literal(text) for text in NOT_A_VALUE)
        conditions.append(f"trim({value}) IN ({nothing})")
    return f"SELECT count(*) FROM {view} WHERE {' OR '.join(conditions)}"


def number_value(name: str, column: Column, dialect: Dialect) -> str:
    """Return the expression of a number; a column of texts may hold numbers too."""
    return dialect.number.format(quoted(name)) if column.kind in TEXTS else quoted(name)


def count_no_numbers(view: str, name: str, column: Column, dialect: Dialect) -> str:
    """(rows without a finite number, one of their texts)."""
    value = number_value(name, column, dialect)
    rows = f"SELECT CAST({quoted(name)} AS {dialect.text}) AS t, {value} AS v FROM {view}"
    return f"SELECT count(*), min(t) FROM ({rows}) AS o WHERE v IS NULL OR NOT {dialect.finite.format('v')}"


def first_values(view: str, name: str, dialect: Dialect, *, rows: int) -> str:
    """Different values of the first rows, as text."""
    first = f"SELECT {quoted(name)} AS v FROM {view} LIMIT {rows}"
    return f"SELECT DISTINCT CAST(v AS {dialect.text}) FROM ({first}) AS o"


def first_not_greater(view: str, value: str) -> str:
    """A row without a value, or one not greater than that of the row before it, in whatever order they are read.

    Where there is none, in any order, no value stands twice; and one pass that keeps nothing has found it out.
    """
    compared = f"SELECT v IS NULL OR v <= lag(v) OVER () AS back FROM (SELECT {value} AS v FROM {view}) AS i"
    return f"SELECT 1 FROM ({compared}) AS o WHERE back LIMIT 1"


def count_distinct(view: str, value: str) -> str:
    """Different values of an expression."""
    return f"SELECT count(DISTINCT {value}) FROM {view}"


def first_twice(view: str, value: str, dialect: Dialect) -> str:
    """(value, rows) of one that stands in several rows."""
    counted = f"SELECT CAST({value} AS {dialect.text}) AS v, count(*) AS n FROM {view} GROUP BY 1"
    return f"SELECT v, n FROM ({counted}) AS o WHERE n > 1 ORDER BY n DESC, v LIMIT 1"


def confusion(view: str, label: str, prediction: str, dialect: Dialect, *, most: int) -> str:
    """Rows by the texts of two columns; at most so many groups. Only the groups become texts, not each row."""
    names = f"{quoted(label)} AS l, {quoted(prediction)} AS p"
    groups = f"SELECT {names}, count(*) AS n FROM {view} GROUP BY 1, 2 LIMIT {most}"
    return f"SELECT CAST(l AS {dialect.text}), CAST(p AS {dialect.text}), n FROM ({groups}) AS o"


def class_value(value: str, respelled: Mapping[str, str] | None, dialect: Dialect) -> str:
    """Return the expression of a class: the value itself, or its text with some written in another way."""
    if respelled is None:
        return value
    text = f"CAST({value} AS {dialect.text})"
    cases = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in sorted(respelled.items()))
    return f"CASE {text} {cases} ELSE {text} END" if cases else text


def key_text(value: str, column: Column, dialect: Dialect) -> str:
    """Return the expression of a key as text, whole numbers without a point: 7.0 is the key 7."""
    if column.kind in NUMBERS:
        return f"CAST(CAST({value} AS {dialect.integer}) AS {dialect.text})"
    text = f"CAST({value} AS {dialect.text})"
    whole = f"{text} LIKE '%.0' AND {dialect.number.format(text)} IS NOT NULL"
    return f"CASE WHEN {whole} THEN substr({text}, 1, length({text}) - 2) ELSE {text} END"


def has_points(view: str, name: str) -> str:
    """Rows whose text ends like a whole number that went through a float."""
    return f"SELECT count(*) FROM {view} WHERE {quoted(name)} LIKE '%.0'"


def count_rounded(view: str, name: str, *, limit: int) -> str:
    """Rows with a number that is not whole, or so large that a float may have rounded it."""
    value = quoted(name)
    return f"SELECT count(*) FROM {view} WHERE {value} <> floor({value}) OR abs({value}) >= {limit}"


def order_statistics(view: str, value: str, ranks: Iterable[int]) -> str:
    """(rank, value) at each of these ranks of a sorted expression; one sort serves all."""
    ordered = f"SELECT v, row_number() OVER (ORDER BY v) AS r FROM (SELECT {value} AS v FROM {view}) AS i"
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


def join_by_key(view: str, candidate: str, champion: str) -> str:
    """Join `b` to `a` where these expressions of their keys are equal."""
    return f"JOIN {view} b ON {candidate} = {champion}"


def join_by_order(view: str, dialect: Dialect) -> str:
    """Join `b` to `a` row by row."""
    return dialect.by_order.format(view)


def _rows_where(condition: str) -> str:
    return f"coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"
