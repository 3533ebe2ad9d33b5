"""Write the table: as JSON lines of the texts 0 and 1."""

import json
from pathlib import Path

from tests.conformance.rows import spelled

rows = [{"label": a, "prediction": b} for a, b in spelled("0", "1")]
Path("p.jsonl").write_text("\n".join(map(json.dumps, rows)))
