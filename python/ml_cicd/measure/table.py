"""Prediction tables through DuckDB: parquet, CSV, JSON lines. Counts leave the database, never rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml_cicd.domain.evidence import Columns
from ml_cicd.domain.sample import Paired, Quantile
from ml_cicd.errors import EvidenceError
from ml_cicd.measure.counting import Label, plan_quantile
from ml_cicd.parse import suggest

MOST_CLASSES = 1000
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "U")
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
            relation = connection.read_csv(path, header=True)
        else:
            relation = connection.read_json(path, format="newline_delimited")
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
    return str(problem).splitlines()[0][:300]


def require_labels(table: Table) -> None:
    """Check that label and prediction are there, comparable and complete.

    Raises:
        EvidenceError: a column is missing, has nulls or NaN, or the two have different kinds of values.
    """
    label, prediction = table.columns.label, table.columns.prediction
    for column in (label, prediction):
        require_column(table, column)
        _refuse_gaps(table, column)
    kinds = {column: _family(table.types[column]) for column in (label, prediction)}
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


def _family(kind: str) -> str:
    if kind == "BOOLEAN":
        return "boolean"
    return "number" if kind.startswith(NUMBERS) else "text"


def _refuse_gaps(table: Table, column: str) -> None:
    name = quoted(column)
    bad = f"{name} IS NULL"
    if table.types[column] in {"FLOAT", "DOUBLE"}:
        bad += f" OR NOT isfinite({name})"
    found = table.query(f"SELECT count(*) FROM {table.view} WHERE {bad}")[0][0]  # noqa: S608  # quoted
    if found:
        raise EvidenceError(
            f"{table.path}: {found} of {table.rows} values in {column!r} are null or not finite.",
            cure="Rows are never dropped; find out why they are missing.",
        )


def confusion(table: Table) -> dict[tuple[Label, Label], int]:
    """Count rows by label and prediction."""
    label, prediction = quoted(table.columns.label), quoted(table.columns.prediction)
    sql = f"SELECT {label}, {prediction}, count(*) FROM {table.view} GROUP BY 1, 2 LIMIT {MOST_CLASSES**2}"  # noqa: S608
    counted = {(_plain(row[0]), _plain(row[1])): int(str(row[2])) for row in table.query(sql)}
    classes = {c for pair in counted for c in pair}
    if len(classes) > MOST_CLASSES:
        raise EvidenceError(
            f"{table.path}: {table.columns.label!r} and {table.columns.prediction!r} hold {len(classes)} values.",
            cure="That looks like an identifier or a regression, not a class; check evidence.columns.",
        )
    return counted


def _plain(value: object) -> Label:
    if isinstance(value, bool | int | float | str):
        return value
    return str(value)


def quantiles(table: Table, names: tuple[str, ...], confidence: float) -> dict[str, Quantile]:
    """Return exact quantiles of the latency column with their bounds; one sort serves all."""
    column = table.columns.latency_ms
    _refuse_gaps(table, column)
    if _family(table.types[column]) != "number":
        raise EvidenceError(
            f"{table.path}: {column!r} is {table.types[column]}.", cure="Write milliseconds as numbers."
        )
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


def pair(candidate: Table, champion: Table) -> Paired:
    """Count on how many common rows exactly one of two models is right.

    Rows are matched by the key column where both tables have it, else by their order.

    Raises:
        EvidenceError: the two tables are not about the same rows.
    """
    key = candidate.columns.key
    keyed = candidate.has(key) and champion.has(key)
    if keyed:
        for table in (candidate, champion):
            _refuse_gaps(table, key)
            _refuse_duplicates(table, key)
    if candidate.rows != champion.rows:
        _refuse_pair(candidate, champion, f"they have {candidate.rows} and {champion.rows} rows")
    join = (
        f"JOIN {champion.view} b ON a.{quoted(key)} = b.{quoted(key)}"
        if keyed
        else f"POSITIONAL JOIN {champion.view} b"
    )
    label, prediction = quoted(candidate.columns.label), quoted(candidate.columns.prediction)
    right, also = f"(a.{prediction} = a.{label})", f"(b.{prediction} = b.{label})"
    sql = (
        f"SELECT count(*), count(*) FILTER ({right} AND NOT {also}), count(*) FILTER ({also} AND NOT {right}), "  # noqa: S608
        f"count(*) FILTER (a.{label} <> b.{label}) FROM {candidate.view} a {join}"
    )
    rows, only_candidate, only_champion, different = (int(str(v)) for v in candidate.query(sql)[0])
    if rows != candidate.rows:
        _refuse_pair(candidate, champion, f"{candidate.rows - rows} keys of the first are not in the second")
    if different:
        _refuse_pair(candidate, champion, f"{different} rows have different labels")
    return Paired(only_candidate=only_candidate, only_champion=only_champion, n=rows)


def _refuse_duplicates(table: Table, key: str) -> None:
    distinct = table.query(f"SELECT count(DISTINCT {quoted(key)}) FROM {table.view}")[0][0]  # noqa: S608  # quoted
    if distinct != table.rows:
        raise EvidenceError(
            f"{table.path}: {key!r} has {distinct} different values in {table.rows} rows.",
            cure="A key names one row; remove the duplicates or name another column in evidence.columns.key.",
        )


def _refuse_pair(candidate: Table, champion: Table, why: str) -> None:
    raise EvidenceError(
        f"{candidate.path} and {champion.path} are not about the same rows: {why}.",
        cure="Evaluate both models on the same data.",
    )
