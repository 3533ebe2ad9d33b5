"""Write the table: as parquet of decimals."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::DECIMAL(4,1)", "p::DECIMAL(9,3)")).write_parquet("p.parquet")
