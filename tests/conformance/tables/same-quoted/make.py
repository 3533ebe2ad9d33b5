"""Write the table: every value in quotes."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines([(f'"{a}"', f'"{b}"') for a, b in ROWS]))
