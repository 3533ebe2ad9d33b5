"""Write the table: naN in a float column."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(sql("l::DOUBLE", "CASE WHEN l > p THEN 'nan'::DOUBLE ELSE p END")).write_parquet("p.parquet")
