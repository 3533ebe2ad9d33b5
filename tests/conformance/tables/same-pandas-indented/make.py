"""Write the table: as an indented JSON list."""

import pandas as pd

from tests.conformance.rows import ROWS

table = pd.DataFrame(ROWS, columns=["label", "prediction"])
table.to_json("p.json", orient="records", indent=2)
