"""Write the table: as JSON lines of true and false."""

import json
from pathlib import Path

from tests.conformance.rows import spelled

rows = [{"label": a, "prediction": b} for a, b in spelled(False, True)]
Path("p.jsonl").write_text("\n".join(map(json.dumps, rows)))
