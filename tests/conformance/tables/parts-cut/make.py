"""Write the table: one part of parquet is cut."""

from pathlib import Path

import duckdb

from tests.conformance.rows import sql

Path("parts").mkdir()
for name in ("a", "b"):
    duckdb.sql(sql("l", "p" if name == "a" else "l")).write_parquet(f"parts/{name}.parquet")
Path("parts/b.parquet").write_bytes(Path("parts/b.parquet").read_bytes()[:-40])
