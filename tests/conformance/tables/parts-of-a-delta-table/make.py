"""Write the table: a Delta table: its folder keeps the files of older versions too."""

from pathlib import Path

import duckdb

from tests.conformance.rows import sql

Path("p.parquet/_delta_log").mkdir(parents=True)
Path("p.parquet/_delta_log/00000000000000000000.json").write_text("{}")
duckdb.sql(sql()).write_parquet("p.parquet/part-0.parquet")
