"""Write the table: 0 is the class that is meant."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS))
