"""Write the table: without a last line break."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS).rstrip())
