"""Write the table: as a folder of parts with _SUCCESS, as Spark writes it."""

from pathlib import Path

import duckdb

from tests.conformance.rows import ROWS, sql

Path("p.parquet").mkdir()
for part, rows in enumerate((ROWS[:120], ROWS[120:])):
    duckdb.sql(sql(rows=rows)).write_parquet(f"p.parquet/part-{part:05}.parquet")
Path("p.parquet/_SUCCESS").touch()
Path("p.parquet/.part-00000.parquet.crc").write_bytes(b"crc")
