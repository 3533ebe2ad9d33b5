"""Write the table: the same as parquet of dates."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("DATE '2026-01-01' + l", "DATE '2026-01-01' + p")).write_parquet("p.parquet")
