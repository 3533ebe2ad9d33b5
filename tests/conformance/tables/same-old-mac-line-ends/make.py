"""Write the table: with the line ends of an old Mac."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS), newline="\r")
