"""Write the table: one part of parquet holds scores where the others hold classes."""

from pathlib import Path

import duckdb

from tests.conformance.rows import sql

Path("parts").mkdir()
duckdb.sql(sql()).write_parquet("parts/a.parquet")
duckdb.sql(sql("l", "p * 0.8")).write_parquet("parts/b.parquet")
