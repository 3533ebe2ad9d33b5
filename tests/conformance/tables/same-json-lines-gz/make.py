"""Write the table: as JSON lines, packed."""

import gzip
import json
from pathlib import Path

from tests.conformance.rows import spelled

rows = [{"label": a, "prediction": b} for a, b in spelled(0, 1)]
Path("p.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
