"""Write the table: as a list in a file called .jsonl."""

import json
from pathlib import Path

from tests.conformance.rows import spelled

rows = [{"label": a, "prediction": b} for a, b in spelled(0, 1)]
Path("p.jsonl").write_text(json.dumps(rows))
