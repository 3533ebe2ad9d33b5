"""What DuckDB is told to read, as text: strictly, with nothing left for it to guess. Names are quoted here."""

from collections.abc import Iterable, Mapping, Sequence

from ml_cicd.gate.engines.csv_file import Layout
from ml_cicd.gate.engines.json_file import LARGEST_OBJECT, Form
from ml_cicd.gate.statements import literal, quoted

MARKS = "*?["
STRICT = (
    "header=true, auto_detect=false, quote='\"', escape='\"', comment='', skip=0, strict_mode=true, "
    "ignore_errors=false, null_padding=false, hive_partitioning=false"
)
NESTED = ("STRUCT", "MAP", "UNION", "JSON", "BLOB", "LIST")
SHAPES = {Form.LINES: "newline_delimited", Form.LIST: "array", Form.SPLIT: "unstructured"}


def _names(files: Iterable[str]) -> str:
    return f"[{', '.join(literal(_escaped(file)) for file in files)}]"


def _escaped(file: str) -> str:
    """Return the name of a file as a pattern that matches it alone."""
    return "".join(f"[{mark}]" if mark in MARKS else mark for mark in file)


def parquet_rows(files: Iterable[str], *, by_folders: bool) -> str:
    """All rows; by name and of the widest type: a part that lacks a column has nulls there, which are refused.

    `by_folders` reads `country=de` in a path as a column; where the file has that column too, the path would win.
    """
    folders = str(by_folders).lower()
    return f"SELECT * FROM read_parquet({_names(files)}, union_by_name=true, hive_partitioning={folders})"


def parquet_schema(files: Iterable[str]) -> str:
    """(file, name, number of children) of each element of each schema, parents first."""
    return f"SELECT file_name, name, coalesce(num_children, 0) FROM parquet_schema({_names(files)})"


def csv_rows(files: Iterable[str], layout: Layout) -> str:
    """All rows of files of one layout, every value as text."""
    numbered = {name: f"c{place}" for place, name in enumerate(layout.names)}
    types = ", ".join(f"'{column}': 'VARCHAR'" for column in numbered.values())
    shown = ", ".join(f"{column} AS {quoted(name)}" for name, column in numbered.items())
    options = f"{STRICT}, delim={literal(layout.delimiter)}, columns={{{types}}}"
    return f"SELECT {shown} FROM read_csv({_names(files)}, {options})"


def json_types(files: Iterable[str], form: Form) -> str:
    """A statement whose columns are those of all rows, of the types that they seem to have."""
    return f"SELECT * FROM read_json({_names(files)}, sample_size=-1, {_json_options(form)})"


def json_rows(files: Iterable[str], form: Form, types: Mapping[str, str]) -> str:
    """All rows, each value that is not nested as its text: of JSON, one column may hold numbers, texts and truths."""
    as_text = {name: type_ if is_nested(type_) else "VARCHAR" for name, type_ in types.items()}
    columns = ", ".join(f"{literal(name)}: {literal(type_)}" for name, type_ in as_text.items())
    return f"SELECT * FROM read_json({_names(files)}, columns={{{columns}}}, {_json_options(form)})"


def is_nested(type_: str) -> bool:
    """Whether values of this type hold others."""
    return type_.startswith(NESTED) or type_.endswith("[]")


def _json_options(form: Form) -> str:
    return f"format='{SHAPES[form]}', maximum_object_size={LARGEST_OBJECT}, hive_partitioning=false"


def _split(files: Iterable[str]) -> str:
    columns = "columns={'columns': 'VARCHAR[]', 'data': 'JSON[][]'}"
    return f"read_json({_names(files)}, {columns}, {_json_options(Form.SPLIT)})"


def split_headers(files: Iterable[str]) -> str:
    """The lists of names that stand apart from the rows."""
    return f"SELECT DISTINCT columns FROM {_split(files)}"


def split_widths(files: Iterable[str]) -> str:
    """How many values the rows have."""
    return f"SELECT DISTINCT len(r) FROM (SELECT unnest(data) AS r FROM {_split(files)})"


def split_rows(files: Iterable[str], names: Sequence[str]) -> str:
    """All rows, under their names."""
    shown = ", ".join(f"r[{place}]->>'$' AS {quoted(name)}" for place, name in enumerate(names, 1))
    return f"SELECT {shown} FROM (SELECT unnest(data) AS r FROM {_split(files)})"
