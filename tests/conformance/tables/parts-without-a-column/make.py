"""Write the table: one part of parquet lacks the prediction."""

from pathlib import Path

import duckdb

from tests.conformance.rows import sql

Path("parts").mkdir()
duckdb.sql(sql()).write_parquet("parts/a.parquet")
duckdb.sql(f"SELECT label FROM ({sql()})").write_parquet("parts/b.parquet")
