"""Write the table: as TSV, packed."""

import gzip
from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.tsv.gz").write_bytes(gzip.compress(lines(ROWS, "\t").encode()))
