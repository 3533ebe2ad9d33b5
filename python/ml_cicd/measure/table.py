"""Prediction tables through DuckDB: parquet, CSV, JSON lines. Counts leave the database, never rows."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml_cicd.domain.evidence import Columns
from ml_cicd.domain.sample import Quantile
from ml_cicd.errors import EvidenceError
from ml_cicd.measure.counting import Label, plan_quantile
from ml_cicd.parse import suggest

MOST_CLASSES = 1000
SIZES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
INTEGERS = {*SIZES, *(f"U{size}" for size in SIZES)}
FLOATS = {"FLOAT", "DOUBLE"}
NOT_A_VALUE = ("", "nan", "NaN", "NaT", "<NA>")  # what other tools write for nothing
SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One opened table: a view in a private database, with the types of its columns."""

    connection: duckdb.DuckDBPyConnection
    view: str
    path: str
    types: Mapping[str, str]
    rows: int
    columns: Columns

    def has(self, column: str) -> bool:
        """Whether the table has this column."""
        return column in self.types

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement; DuckDB's errors name the file."""
        try:
            rows: list[tuple[object, ...]] = self.connection.execute(sql).fetchall()
            return rows
        except duckdb.Error as problem:
            raise EvidenceError(
                f"{self.path}: {_first_line(problem)}.", cure="Check that the file is whole."
            ) from problem


def quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def open_table(connection: duckdb.DuckDBPyConnection, path: str, view: str, columns: Columns) -> Table:
    """Open a file as a view.

    Raises:
        EvidenceError: absent, unreadable, empty, of an unknown kind.
    """
    kind = _kind(path)
    try:
        if kind == "parquet":
            relation = connection.read_parquet(path)
        elif kind == "csv":
            relation = connection.read_csv(path, header=True, sample_size=-1)
        else:
            relation = connection.read_json(path, format="newline_delimited", sample_size=-1)
        relation.create_view(view)
        types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        counted = connection.execute(f"SELECT count(*) FROM {view}").fetchall()  # noqa: S608  # our own view names
    except duckdb.Error as problem:
        raise EvidenceError(
            f"{path} cannot be read as {kind}: {_first_line(problem)}.",
            cure="Check that the evaluation wrote it whole.",
        ) from problem
    table = Table(connection=connection, view=view, path=path, types=types, rows=int(counted[0][0]), columns=columns)
    if table.rows == 0:
        raise EvidenceError(f"{path} has no rows.", cure="Check the evaluation.")
    return table


def file_digest(path: str) -> str:
    """Return sha256 over a file's bytes."""
    with Path(path).open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def _kind(path: str) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise EvidenceError(f"{path}: unknown kind of table {suffix!r}.", cure=f"Use one of {', '.join(SUFFIXES)}.")
    if any(mark in path for mark in "*?[") or not Path(path).is_file():
        raise EvidenceError(f"{path} is not a file.", cure="Check the path; it starts from the working directory.")
    return SUFFIXES[suffix]


def _first_line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300]


def require_labels(table: Table) -> None:
    """Check that label and prediction are there, comparable and complete.

    Raises:
        EvidenceError: a column is missing, has nulls or NaN, or the two have different kinds of values.
    """
    label, prediction = table.columns.label, table.columns.prediction
    for column in (label, prediction):
        require_column(table, column)
        family(table, column)
        refuse_gaps(table, column)
        _refuse_fractions(table, column)
    kinds = {column: family(table, column) for column in (label, prediction)}
    if kinds[label] != kinds[prediction]:
        raise EvidenceError(
            f"{table.path}: {label!r} is {table.types[label]} but {prediction!r} is {table.types[prediction]}.",
            cure="Write both as the same kind of value.",
        )


def require_column(table: Table, column: str) -> None:
    """Refuse a table without this column, with what it has."""
    if not table.has(column):
        raise EvidenceError(
            f"{table.path} has no column {column!r}.",
            cure=f"{suggest(column, table.types)} Or name it in evidence.columns.",
        )


def family(table: Table, column: str) -> str:
    """Return what kind of value a column holds; dates, lists and the like are refused."""
    kind = table.types[column]
    if kind == "BOOLEAN":
        return "boolean"
    if kind in INTEGERS | FLOATS or kind.startswith("DECIMAL("):
        return "number"
    if kind == "VARCHAR" or kind.startswith("ENUM("):
        return "text"
    raise EvidenceError(
        f"{table.path}: {column!r} is of type {kind[:60]}.", cure="Write it as whole numbers, booleans or text."
    )


def _is_fractional(table: Table, column: str) -> bool:
    return table.types[column] in FLOATS or table.types[column].startswith("DECIMAL(")


def refuse_gaps(table: Table, column: str) -> None:
    """Refuse a column with anything that stands for nothing: null, NaN, infinity, an empty text or `nan`."""
    name = quoted(column)
    bad = f"{name} IS NULL"
    if table.types[column] in FLOATS:
        bad += f" OR NOT isfinite({name})"
    if table.types[column] == "VARCHAR":
        bad += f" OR trim({name}) IN {NOT_A_VALUE}"
    found = table.query(f"SELECT count(*) FROM {table.view} WHERE {bad}")[0][0]  # noqa: S608  # quoted
    if found:
        raise EvidenceError(
            f"{table.path}: {found} of {table.rows} values in {column!r} are null or not finite.",
            cure="Rows are never dropped; find out why they are missing.",
        )


def _refuse_fractions(table: Table, column: str) -> None:
    """A class is a whole number; 0.51 is a score, and comparing it would count nothing."""
    if not _is_fractional(table, column):
        return
    name = quoted(column)
    sql = f"SELECT {name}::VARCHAR FROM {table.view} WHERE {name} <> floor({name}) LIMIT 1"  # noqa: S608  # quoted
    found = table.query(sql)
    if found:
        raise EvidenceError(
            f"{table.path}: {column!r} holds {found[0][0]}, which is no class.",
            cure="Write the predicted class, and a score in a column of its own.",
        )


def class_sql(table: Table, column: str, alias: str = "") -> str:
    """SQL of a label or prediction: whole numbers as integers, so that 1.0 and 1 are one class."""
    name = alias + quoted(column)
    return f"CAST({name} AS HUGEINT)" if _is_fractional(table, column) else name


def confusion(table: Table) -> dict[tuple[Label, Label], int]:
    """Count rows by label and prediction."""
    label, prediction = class_sql(table, table.columns.label), class_sql(table, table.columns.prediction)
    sql = f"SELECT {label}, {prediction}, count(*) FROM {table.view} GROUP BY 1, 2 LIMIT {MOST_CLASSES**2 + 1}"  # noqa: S608
    counted: Counter[tuple[Label, Label]] = Counter()
    for actual, predicted, rows in table.query(sql):
        counted[_plain(actual), _plain(predicted)] += int(str(rows))
    classes = {c for pair in counted for c in pair}
    if len(classes) > MOST_CLASSES:
        raise EvidenceError(
            f"{table.path}: {table.columns.label!r} and {table.columns.prediction!r} hold {len(classes)} values.",
            cure="That looks like an identifier or a regression, not a class; check evidence.columns.",
        )
    if sum(counted.values()) != table.rows:
        raise EvidenceError(
            f"{table.path}: {sum(counted.values())} of {table.rows} rows could be counted.", cure="Please report it."
        )
    return counted


def _plain(value: object) -> Label:
    if isinstance(value, bool | int | float | str):
        return value
    return str(value)


def quantiles(table: Table, names: tuple[str, ...], confidence: float) -> dict[str, Quantile]:
    """Return exact quantiles of the latency column with their bounds; one sort serves all."""
    column = table.columns.latency_ms
    if family(table, column) != "number":
        raise EvidenceError(
            f"{table.path}: {column!r} is {table.types[column]}.", cure="Write milliseconds as numbers."
        )
    refuse_gaps(table, column)
    plans = {name: plan_quantile(name, table.rows, confidence) for name in names}
    ranks = sorted({1} | {rank for plan in plans.values() for rank in plan.ranks})
    sql = (
        f"SELECT r, v FROM (SELECT {quoted(column)} AS v, row_number() OVER (ORDER BY {quoted(column)}) AS r "  # noqa: S608
        f"FROM {table.view}) WHERE r IN ({', '.join(map(str, ranks))})"
    )
    values = {int(str(rank)): float(str(value)) for rank, value in table.query(sql)}
    if values[1] < 0:
        raise EvidenceError(f"{table.path}: {column!r} has a negative value, {values[1]:g}.", cure="Check the clock.")
    return {name: plan.sample(values.__getitem__) for name, plan in plans.items()}
