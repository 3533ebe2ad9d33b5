"""Prediction tables through DuckDB: parquet, CSV and JSON, one file or many (ports.Engine).

It guesses nothing: a CSV is read by the header and delimiter that `csv_file` found, every value as text, and what the
texts mean is decided in `gate.classes`, the same for every kind of file.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from ml_cicd.gate.columns import Column, Kind, Opened
from ml_cicd.gate.engines import csv_file, duckdb_readers, json_file
from ml_cicd.gate.engines.table_files import TableFiles, find_files
from ml_cicd.gate.statements import Dialect, count_rows
from ml_cicd.ground.errors import EvidenceError

SIZES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
INTEGERS = {*SIZES, *(f"U{size}" for size in SIZES)}
FLOATS = {"FLOAT", "DOUBLE"}
TEXTS = {"VARCHAR", "DATE"}  # a day is what it is written as
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
        integer="HUGEINT",
        text="VARCHAR",
        finite="isfinite({})",
        number="TRY_CAST(trim({}) AS DOUBLE)",  # a bare cast would reach the reader of CSV, which does not only try
        by_order="POSITIONAL JOIN {} b",
    )

    def open_view(self, path: str, view: str) -> Opened:
        """Open a file, a folder of parts or all that a pattern matches as a view, and count its rows."""
        files = find_files(path)
        open_kind = {"parquet": self._open_parquet, "csv": self._open_csv, "json": self._open_json}[files.kind]
        opened = open_kind(files, view)
        for first, second in files.copies:
            if Path(second).stat().st_size and open_kind(replace(files, files=(second,)), f"{view}_copy").rows:
                raise EvidenceError(
                    f"{first} and {second} hold the same bytes, so their rows would count twice.",
                    cure="Remove one of them; if each of these rows is meant, write them to one file.",
                )
        return opened

    def _open_parquet(self, files: TableFiles, view: str) -> Opened:
        try:
            schema = self.connection.execute(duckdb_readers.parquet_schema(files.files)).fetchall()
        except duckdb.Error as problem:
            raise _unreadable(files, problem) from problem
        names: set[str] = set()
        for file, inside in _top_names(schema).items():
            csv_file.refuse_twins(inside, file)
            names |= {name.casefold() for name in inside}
        by_folders = bool(files.partitions) and not names & {name.casefold() for name in files.columns_of_path}
        self._create(view, duckdb_readers.parquet_rows(files.files, by_folders=by_folders), files)
        return self._opened(files, view, "parquet")

    def _open_csv(self, files: TableFiles, view: str) -> Opened:
        layouts = {file: csv_file.read_layout(file) for file in files.files}
        filled = {file: layout for file, layout in layouts.items() if layout is not None}
        if not filled:
            raise EvidenceError(f"{files.path} is empty.", cure="Check the evaluation.")
        first, layout = next(iter(filled.items()))
        for file, other in filled.items():
            if (other.delimiter, other.names) != (layout.delimiter, layout.names):
                raise EvidenceError(
                    f"{file} has another header than {first}: {other.shown!r}.",
                    cure="Write all parts with the same columns and delimiter.",
                )
        lines = sum(csv_file.count_lines(file, other) - 1 for file, other in filled.items())
        try:
            self._create(view, duckdb_readers.csv_rows(filled, layout), files)
            opened = self._opened(files, view, f"CSV ({layout.words})")
        except EvidenceError:
            for file, other in filled.items():
                csv_file.check_records(file, other)  # says more: the line, and what is wrong with it
                csv_file.refuse_mixed_line_ends(file, other)
            raise
        if opened.rows != lines:
            self._compare(files, filled, opened.rows)
        return opened

    def _compare(self, files: TableFiles, layouts: dict[str, csv_file.Layout], rows: int) -> None:
        """There are more lines than rows: each record is looked at, and all must have been read."""
        records = sum(csv_file.check_records(file, layout) for file, layout in layouts.items())
        if records != rows:
            raise EvidenceError(f"{files.path} has {records} records, but {rows} were read.", cure=csv_file.WHOLE)

    def _open_json(self, files: TableFiles, view: str) -> Opened:
        forms = {json_file.form_of(file) for file in files.files}
        if len(forms) > 1:
            raise EvidenceError(f"{files.path} has JSON files of several forms.", cure="Write all parts in one form.")
        form = forms.pop()
        for file in files.files if form is not json_file.Form.LINES else ():  # the lines of lines are counted
            json_file.refuse_open_end(file, form)
        if form is json_file.Form.SPLIT:
            self._create(view, duckdb_readers.split_rows(files.files, self._split_names(files)), files)
        else:
            self._create(f"{view}_seen", duckdb_readers.json_types(files.files, form), files)
            types = dict(self._columns(f"{view}_seen", files))
            self._create(view, duckdb_readers.json_rows(files.files, form, types), files)
        opened = self._opened(files, view, form.value)
        lines = (
            sum(json_file.count_lines(file) for file in files.files) if form is json_file.Form.LINES else opened.rows
        )
        if lines != opened.rows:
            raise EvidenceError(f"{files.path} has {lines} lines, but {opened.rows} rows.", cure=csv_file.WHOLE)
        return opened

    def _split_names(self, files: TableFiles) -> list[str]:
        """Return the names that stand apart from the rows."""
        headers = self._execute(duckdb_readers.split_headers(files.files), files.path)
        widths = self._execute(duckdb_readers.split_widths(files.files), files.path)
        names = headers[0][0] if len(headers) == 1 else None
        if not isinstance(names, list) or any(width != (len(names),) for width in widths):
            raise EvidenceError(
                f"{files.path} has no list of columns that fits each of its rows.", cure="Write orient='records'."
            )
        return [str(name) for name in names]

    def _create(self, view: str, select: str, files: TableFiles) -> None:
        try:
            self.connection.execute(f"CREATE OR REPLACE VIEW {view} AS {select}")
        except duckdb.Error as problem:
            raise _unreadable(files, problem) from problem

    def _columns(self, view: str, files: TableFiles) -> list[tuple[str, str]]:
        try:
            described = self.connection.execute(f"DESCRIBE {view}").fetchall()
        except duckdb.Error as problem:
            raise _unreadable(files, problem) from problem
        return [(str(row[0]), str(row[1])) for row in described]

    def _opened(self, files: TableFiles, view: str, how: str) -> Opened:
        columns = {name: Column(kind=_kind(type_), type=type_) for name, type_ in self._columns(view, files)}
        try:
            counted = self.connection.execute(count_rows(view)).fetchall()
        except duckdb.Error as problem:
            raise _unreadable(files, problem) from problem
        several = f" in {len(files.files)} files" if len(files.files) > 1 else ""
        return Opened(columns=columns, rows=int(counted[0][0]), how=f"{how}{several}")

    def query(self, sql: str, path: str) -> list[tuple[object, ...]]:
        """Run a statement about the table of this path."""
        return self._execute(sql, path)

    def _execute(self, sql: str, path: str) -> list[tuple[object, ...]]:
        try:
            rows: list[tuple[object, ...]] = self.connection.execute(sql).fetchall()
            return rows
        except duckdb.Error as problem:
            raise EvidenceError(f"{path}: {_one_line(problem)}.", cure="Check that the file is whole.") from problem

    def digest(self, path: str) -> str:
        """Return sha256 over the bytes of the file, or over the digests of several."""
        return find_files(path).digest


def _top_names(schema: Iterable[tuple[str, str, int]]) -> dict[str, list[str]]:
    """Return the names of each file's own columns, without those inside others."""
    found: dict[str, list[str]] = {}
    open_elements: dict[str, list[int]] = {}
    for file, name, children in schema:
        within = open_elements.setdefault(file, [])
        while within and within[-1] == 0:
            within.pop()
        if len(within) == 1:
            found.setdefault(file, []).append(name)
        if within:
            within[-1] -= 1
        within.append(children)
    return found


def _unreadable(files: TableFiles, problem: Exception) -> EvidenceError:
    return EvidenceError(
        f"{files.path} cannot be read as {files.kind}: {_one_line(problem)}.",
        cure="Check that the evaluation wrote it whole.",
    )


def _kind(type_: str) -> Kind:
    if type_.startswith("DECIMAL("):
        return Kind.DECIMAL
    if type_.startswith("ENUM("):
        return Kind.ENUM
    if type_ in INTEGERS:
        return Kind.INTEGER
    if type_ in FLOATS:
        return Kind.FLOAT
    if type_ in TEXTS:
        return Kind.TEXT
    return {"BOOLEAN": Kind.BOOLEAN}.get(type_, Kind.OTHER)


def _one_line(problem: Exception) -> str:
    said = " ".join(str(problem).split())
    return said.partition(" LINE 1: ")[0].partition(" Possible fixes: ")[0][:LONGEST_PROBLEM].rstrip(".")  # not our SQL
