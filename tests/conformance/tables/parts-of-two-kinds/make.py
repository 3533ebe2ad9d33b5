"""Write the table: a folder with a CSV beside its parquet."""

from pathlib import Path

import duckdb

from tests.conformance.rows import sql

Path("parts").mkdir()
duckdb.sql(sql()).write_parquet("parts/a.parquet")
Path("parts/b.csv").touch()
