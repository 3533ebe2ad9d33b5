"""Write the table: with semicolons."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS, ";"))
