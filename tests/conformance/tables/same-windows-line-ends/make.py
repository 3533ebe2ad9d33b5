"""Write the table: with the line ends of Windows."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS), newline="\r\n")
