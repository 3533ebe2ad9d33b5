"""Write the table: an upload that ended early."""

import gzip
from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv.gz").write_bytes(gzip.compress(lines(ROWS * 50).encode())[:-20])
