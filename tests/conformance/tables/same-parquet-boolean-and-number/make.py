"""Write the table: as parquet, labels boolean, predictions whole numbers."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::BOOLEAN", "p")).write_parquet("p.parquet")
