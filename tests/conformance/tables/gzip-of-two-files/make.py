"""Write the table: cat of two packed files of one header each."""

import gzip
from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv.gz").write_bytes(gzip.compress(lines(ROWS).encode()) * 2)
