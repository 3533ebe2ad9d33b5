"""Write the table: as TSV."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.tsv").write_text(lines(ROWS, "\t"))
