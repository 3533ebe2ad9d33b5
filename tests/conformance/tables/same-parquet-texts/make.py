"""Write the table: as parquet of the texts 0 and 1."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::VARCHAR", "p::VARCHAR")).write_parquet("p.parquet")
