"""Write the table: as parquet of float32 and float64."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::FLOAT", "p::DOUBLE")).write_parquet("p.parquet")
