"""Write the table: as parquet of pandas, category of numbers."""

import pandas as pd

from tests.conformance.rows import ROWS

table = pd.DataFrame(ROWS, columns=["label", "prediction"])
table.astype("category").to_parquet("p.parquet")
