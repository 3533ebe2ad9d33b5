"""Write the table: as folders by a column, as Spark writes partitionBy."""

import duckdb

from tests.conformance.rows import sql

duckdb.sql(f"COPY ({sql()}) TO 'p.parquet' (FORMAT parquet, PARTITION_BY (label))")
