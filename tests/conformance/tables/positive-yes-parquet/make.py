"""Write the table: yes and no as parquet, positive: yes."""

import duckdb

from tests.conformance.rows import sql

words = [f"CASE {column} WHEN 1 THEN 'yes' ELSE 'no' END" for column in "lp"]
duckdb.sql(sql(*words)).write_parquet("p.parquet")
