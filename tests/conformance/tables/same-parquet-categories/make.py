"""Write the table: as parquet of a category of the texts 0 and 1."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::VARCHAR::ENUM('0', '1')", "p::VARCHAR::ENUM('0', '1')")).write_parquet("p.parquet")
