"""Write the table: a column of lists and mappings beside the classes: nobody asked for it."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(f"SELECT {{'label': 1, 'x': [1, 2]}} AS detail, * FROM ({sql()})").write_parquet("p.parquet")
