"""Write the table: the rows that the next ones hold in other forms, as CSV."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS))
