"""Write the table: as a folder of CSV without a suffix, an empty part among them."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("parts").mkdir()
Path("parts/a.csv").write_text(lines(ROWS[:77]))
Path("parts/b.csv").write_text("")
Path("parts/c.csv").write_text(lines(ROWS[77:]))
