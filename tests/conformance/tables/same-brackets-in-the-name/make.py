"""Write the table: in a file called run[1].csv."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("run[1].csv").write_text(lines(ROWS))
Path("run1.csv").write_text(lines(ROWS[:1]))
