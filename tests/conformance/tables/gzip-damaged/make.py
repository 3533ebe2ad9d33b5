"""Write the table: a byte of the checksum is wrong."""

import gzip
from pathlib import Path

from tests.conformance.rows import ROWS, lines

packed = bytearray(gzip.compress(lines(ROWS).encode()))
packed[-6] ^= 1
Path("p.csv.gz").write_bytes(packed)
