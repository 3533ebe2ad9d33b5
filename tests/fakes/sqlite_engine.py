"""A second database behind the gate's port: SQLite, which reads CSV alone (gate.ports.Engine)."""

import csv
import hashlib
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ml_cicd.gate.columns import Column, Kind, Opened
from ml_cicd.gate.statements import Dialect, count_rows, quoted
from ml_cicd.ground.errors import EvidenceError


def number(text: str | None) -> float | None:
    """Return the number that a text is."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


class SqliteEngine:
    """Tables in memory, in the order of their files."""

    dialect = Dialect(
        integer="INTEGER",
        text="TEXT",
        finite="(abs({}) <= 1.7976931348623157e308)",
        number="number({})",
        by_order="JOIN {} b ON a.rowid = b.rowid",
    )

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Give the connection the functions that it may lack."""
        connection.create_function("floor", 1, math.floor)
        connection.create_function("number", 1, number)
        self._connection = connection

    def open_view(self, path: str, view: str) -> Opened:
        """Copy the file into a table of this name."""
        if not Path(path).is_file():
            raise EvidenceError(f"{path} is not a file.", cure="Check the path.")
        try:
            header, *rows = csv.reader(Path(path).read_text("utf-8").splitlines())
        except ValueError as problem:
            raise EvidenceError(f"{path} cannot be read as csv: {problem}.", cure="Write it whole.") from problem
        self._connection.execute(f"CREATE TABLE {view} ({', '.join(f'{quoted(name)} TEXT' for name in header)})")
        marks = ", ".join("?" * len(header))
        values = ([value or None for value in row] for row in rows)
        self._connection.executemany(f"INSERT INTO {view} VALUES ({marks})", values)
        columns = dict.fromkeys(header, Column(kind=Kind.TEXT, type="VARCHAR"))
        return Opened(columns=columns, rows=self._connection.execute(count_rows(view)).fetchone()[0])

    def query(self, sql: str, path: str) -> list[tuple[object, ...]]:
        """Run a statement."""
        try:
            return self._connection.execute(sql).fetchall()
        except sqlite3.Error as problem:
            raise EvidenceError(f"{path}: {problem}.", cure="Check that the file is whole.") from problem

    def digest(self, path: str) -> str:
        """Return sha256 over the file's bytes."""
        try:
            return "sha256:" + hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError as problem:
            raise EvidenceError(f"{path} cannot be read: {problem}.", cure="Check the path.") from problem


@contextmanager
def connect() -> Iterator[SqliteEngine]:
    """Give a database in memory."""
    with closing(sqlite3.connect(":memory:")) as connection:
        yield SqliteEngine(connection)
