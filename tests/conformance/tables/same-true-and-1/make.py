"""Write the table: labels as true and false, predictions as 0 and 1."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines([(str(bool(a)).lower(), b) for a, b in ROWS]))
