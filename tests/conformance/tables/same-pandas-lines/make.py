"""Write the table: as pandas to_json(lines=True)."""

import pandas as pd

from tests.conformance.rows import ROWS

table = pd.DataFrame(ROWS, columns=["label", "prediction"])
table.to_json("p.json", orient="records", lines=True)
