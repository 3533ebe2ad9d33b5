"""Write the table: a file below a folder called label=5, which has a column label."""

from pathlib import Path

import duckdb

from tests.conformance.rows import sql

Path("runs/label=5").mkdir(parents=True)
duckdb.sql(sql()).write_parquet("runs/label=5/p.parquet")
