"""Write the table: as CSV, packed."""

import gzip
from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv.gz").write_bytes(gzip.compress(lines(ROWS).encode()))
