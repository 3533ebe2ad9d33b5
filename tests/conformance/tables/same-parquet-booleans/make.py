"""Write the table: as parquet of booleans."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::BOOLEAN", "p::BOOLEAN")).write_parquet("p.parquet")
