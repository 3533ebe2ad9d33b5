"""An engine: prediction tables in SQLite files, from a table or view called `predictions`.

One file in `gate/engines/` and one line in `ENGINES` of `gate/doors.py`, by the suffix of the file. An engine opens
files as views, runs the statements of `gate/statements.py` and says in its `Dialect` how it says what databases do not
share. All checks, counts and metrics then follow from that.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml_cicd.gate.columns import Column, Kind, Opened
from ml_cicd.gate.statements import Dialect, count_rows
from ml_cicd.ground.errors import EvidenceError

KINDS = {"INTEGER": Kind.INTEGER, "REAL": Kind.FLOAT, "TEXT": Kind.TEXT}
NUMBERED = "SELECT *, row_number() OVER (ORDER BY rowid) AS in_order FROM {}.predictions"


@contextmanager
def connect() -> Iterator["Sqlite"]:
    """Give a database in memory that files are attached to, for as long as the context lasts."""
    with closing(sqlite3.connect(":memory:")) as connection:
        yield Sqlite(connection=connection)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sqlite:
    """gate.ports.Engine over SQLite."""

    connection: sqlite3.Connection
    dialect: Dialect = Dialect(  # noqa: RUF009  # frozen
        integer="INTEGER",
        text="TEXT",
        finite="(abs({0}) < 9e999)",
        number="CASE WHEN {0} = CAST(CAST({0} AS REAL) AS TEXT) THEN CAST({0} AS REAL) END",
        by_order="JOIN {} b ON a.in_order = b.in_order",
    )

    def open_view(self, path: str, view: str) -> Opened:
        """Attach the file, show its table as a view, and count its rows."""
        if not Path(path).is_file():
            raise EvidenceError(f"{path} is not a file.", cure="Check the path.")
        place = f"{view}_file"
        self._run(f"ATTACH DATABASE '{path.replace(chr(39), chr(39) * 2)}' AS {place}", path)
        self._run(f"CREATE TEMP VIEW {view} AS {NUMBERED.format(place)}", path)
        described = self._run(f"PRAGMA {place}.table_info(predictions)", path)
        columns = {str(row[1]): Column(kind=KINDS.get(str(row[2]), Kind.OTHER), type=str(row[2])) for row in described}
        return Opened(columns=columns, rows=int(str(self._run(count_rows(view), path)[0][0])))

    def query(self, sql: str, path: str) -> list[tuple[object, ...]]:
        """Run a statement about the table of this path."""
        return self._run(sql, path)

    def digest(self, path: str) -> str:
        """Return sha256 over the file's bytes."""
        try:
            return "sha256:" + hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError as problem:
            raise EvidenceError(f"{path} cannot be read: {problem}.", cure="Check the path.") from problem

    def _run(self, sql: str, path: str) -> list[tuple[object, ...]]:
        try:
            return list(self.connection.execute(sql))
        except sqlite3.Error as problem:
            raise EvidenceError(f"{path}: {problem}.", cure="It needs a table called predictions.") from problem
