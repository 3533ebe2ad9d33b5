"""Write the table: as parquet of labels as text, predictions as numbers."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::VARCHAR", "p")).write_parquet("p.parquet")
