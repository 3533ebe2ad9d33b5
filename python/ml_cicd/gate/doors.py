"""The doors of this wing by name: the engine that opens a table, by the suffix of its file. `shell/wiring` opens them.

An engine is a module with `connect()`, a context that gives a `ports.Engine`; it is imported when a table is opened.
"""

import posixpath

from ml_cicd.ground.errors import EvidenceError

DUCKDB = "ml_cicd.gate.engines.duckdb"
KINDS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".csv.gz": "csv",
    ".tsv.gz": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".jsonl.gz": "json",
    ".ndjson.gz": "json",
    ".json.gz": "json",
}
ENGINES: dict[str, str] = dict.fromkeys(KINDS, DUCKDB)
GZIP = ".gz"


def suffix_of(path: str) -> str:
    """Return the suffix of a table's file in lower case, with what stands before `.gz`.

    Raises:
        EvidenceError: no engine opens it.
    """
    suffix = _suffix(path)
    if suffix not in ENGINES:
        raise EvidenceError(f"{path}: unknown kind of table {suffix!r}.", cure=f"Use one of {', '.join(ENGINES)}.")
    return suffix


def _suffix(path: str) -> str:
    stem, suffix = posixpath.splitext(path.rstrip("/").lower())
    return posixpath.splitext(stem)[1] + suffix if suffix == GZIP else suffix


def engine_of(path: str) -> str:
    """Return the module of the engine that opens this table; what has no suffix may be a folder of parts.

    Raises:
        EvidenceError: no engine opens it.
    """
    return DUCKDB if not _suffix(path) else ENGINES[suffix_of(path)]
