"""Prediction tables through DuckDB: parquet, CSV, JSON lines (ports.Engine)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml_cicd.gate.columns import Column, Kind, Opened
from ml_cicd.gate.doors import suffix_of
from ml_cicd.gate.statements import Dialect, count_rows
from ml_cicd.ground.errors import EvidenceError

SIZES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
INTEGERS = {*SIZES, *(f"U{size}" for size in SIZES)}
FLOATS = {"FLOAT", "DOUBLE"}
FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "json", ".ndjson": "json"}
LONGEST_PROBLEM = 300


@contextmanager
def connect() -> Iterator["DuckDb"]:
    """Give a database in memory, for as long as the context lasts."""
    with duckdb.connect(":memory:") as connection:
        yield DuckDb(connection=connection)


@dataclass(frozen=True, kw_only=True, slots=True)
class DuckDb:
    """A private database whose views are files."""

    connection: duckdb.DuckDBPyConnection
    dialect: Dialect = Dialect(  # noqa: RUF009  # frozen
        integer="HUGEINT", text="VARCHAR", finite="isfinite({})", by_order="POSITIONAL JOIN {} b"
    )

    def open_view(self, path: str, view: str) -> Opened:
        """Open a file as a view, and count its rows."""
        kind = _format(path)
        try:
            if kind == "parquet":
                relation = self.connection.read_parquet(path)
            elif kind == "csv":
                relation = self.connection.read_csv(path, header=True, sample_size=-1)
            else:
                relation = self.connection.read_json(path, format="newline_delimited", sample_size=-1)
            relation.create_view(view)
            types = zip(relation.columns, map(str, relation.types), strict=True)
            counted = self.connection.execute(count_rows(view)).fetchall()
        except duckdb.Error as problem:
            raise EvidenceError(
                f"{path} cannot be read as {kind}: {_one_line(problem)}.",
                cure="Check that the evaluation wrote it whole.",
            ) from problem
        columns = {name: Column(kind=_kind(type_), type=type_) for name, type_ in types}
        return Opened(columns=columns, rows=int(counted[0][0]))

    def query(self, sql: str, path: str) -> list[tuple[object, ...]]:
        """Run a statement about the table of this path."""
        try:
            rows: list[tuple[object, ...]] = self.connection.execute(sql).fetchall()
            return rows
        except duckdb.Error as problem:
            raise EvidenceError(f"{path}: {_one_line(problem)}.", cure="Check that the file is whole.") from problem

    def digest(self, path: str) -> str:
        """Return sha256 over the file's bytes."""
        try:
            with Path(path).open("rb") as stream:
                return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as problem:
            raise EvidenceError(
                f"{path} cannot be read: {problem}.", cure="Do not change it while it is judged."
            ) from problem


def _format(path: str) -> str:
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        raise EvidenceError(f"{path}: DuckDB does not open {suffix!r}.", cure="Give both tables in one kind of file.")
    if any(mark in path for mark in "*?[") or not _is_file(path):
        raise EvidenceError(f"{path} is not a file.", cure="Check the path; it starts from the working directory.")
    return FORMATS[suffix]


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name too long, a folder that may not be entered
        return False


def _kind(type_: str) -> Kind:
    if type_.startswith("DECIMAL("):
        return Kind.DECIMAL
    if type_.startswith("ENUM("):
        return Kind.ENUM
    if type_ in INTEGERS:
        return Kind.INTEGER
    if type_ in FLOATS:
        return Kind.FLOAT
    return {"BOOLEAN": Kind.BOOLEAN, "VARCHAR": Kind.TEXT}.get(type_, Kind.OTHER)


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:LONGEST_PROBLEM]
