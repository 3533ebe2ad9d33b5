"""Write the table: the same as JSON lines."""

import json
from pathlib import Path

from tests.conformance.rows import spelled

Path("runs/label=5").mkdir(parents=True)
rows = [{"label": a, "prediction": b} for a, b in spelled(0, 1)]
Path("runs/label=5/p.jsonl").write_text("\n".join(map(json.dumps, rows)))
