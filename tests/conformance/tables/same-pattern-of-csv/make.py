"""Write the table: as all that a pattern matches."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("parts").mkdir()
Path("parts/a.csv").write_text(lines(ROWS[:77]))
Path("parts/b.csv").write_text(lines(ROWS[77:]))
