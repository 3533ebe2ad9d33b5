"""Write the table: as parquet of int8 and uint64."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::TINYINT", "p::UBIGINT")).write_parquet("p.parquet")
