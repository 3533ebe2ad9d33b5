"""Write the table: a part that has another header."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("parts").mkdir()
Path("parts/a.csv").write_text(lines(ROWS))
Path("parts/b.csv").write_text(lines(ROWS, header="prediction,label"))
