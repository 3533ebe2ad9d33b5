"""Write the table: as parquet of whole numbers."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql()).write_parquet("p.parquet")
