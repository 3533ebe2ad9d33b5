"""Write the table: as pandas to_json(orient=records)."""

import pandas as pd

from tests.conformance.rows import ROWS

table = pd.DataFrame(ROWS, columns=["label", "prediction"])
table.to_json("p.json", orient="records")
