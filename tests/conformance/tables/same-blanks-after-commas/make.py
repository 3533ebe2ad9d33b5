"""Write the table: with a blank after each comma."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS, ", "))
