"""Write the table: spark is still writing: _temporary."""

from pathlib import Path

import duckdb

from tests.conformance.rows import sql

Path("p.parquet/_temporary").mkdir(parents=True)
duckdb.sql(sql()).write_parquet("p.parquet/part-0.parquet")
Path("p.parquet/_temporary/part-1.parquet").touch()
