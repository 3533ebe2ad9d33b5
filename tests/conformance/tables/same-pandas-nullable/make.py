"""Write the table: as parquet of pandas, nullable Int64."""

import pandas as pd

from tests.conformance.rows import ROWS

table = pd.DataFrame(ROWS, columns=["label", "prediction"])
table.astype("Int64").to_parquet("p.parquet")
