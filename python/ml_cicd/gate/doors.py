"""The doors of this wing by name: the engine that opens a table, by the suffix of its file. `shell/wiring` opens them.

An engine is a module with `connect()`, a context that gives a `ports.Engine`; it is imported when a table is opened.
"""

import posixpath

from ml_cicd.ground.errors import EvidenceError

DUCKDB = "ml_cicd.gate.engines.duckdb"
ENGINES: dict[str, str] = {
    ".parquet": DUCKDB,
    ".pq": DUCKDB,
    ".csv": DUCKDB,
    ".jsonl": DUCKDB,
    ".ndjson": DUCKDB,
}


def suffix_of(path: str) -> str:
    """Return the suffix of a table's file in lower case.

    Raises:
        EvidenceError: no engine opens it.
    """
    suffix = posixpath.splitext(path)[1].lower()
    if suffix not in ENGINES:
        raise EvidenceError(f"{path}: unknown kind of table {suffix!r}.", cure=f"Use one of {', '.join(ENGINES)}.")
    return suffix


def engine_of(path: str) -> str:
    """Return the module of the engine that opens this table.

    Raises:
        EvidenceError: no engine opens it.
    """
    return ENGINES[suffix_of(path)]
