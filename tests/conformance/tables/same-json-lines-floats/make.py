"""Write the table: as JSON lines of 0.0 and 1.0."""

import json
from pathlib import Path

from tests.conformance.rows import spelled

rows = [{"label": a, "prediction": b} for a, b in spelled(0.0, 1.0)]
Path("p.ndjson").write_text("\n".join(map(json.dumps, rows)))
