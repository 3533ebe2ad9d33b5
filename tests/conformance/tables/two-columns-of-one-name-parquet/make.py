"""Write the table: a table of Arrow with two columns called label."""

import pyarrow as pa
from pyarrow import parquet

columns = [pa.array([0, 1] * 30) for _ in range(3)]
parquet.write_table(pa.Table.from_arrays(columns, names=["label", "label", "prediction"]), "p.parquet")
