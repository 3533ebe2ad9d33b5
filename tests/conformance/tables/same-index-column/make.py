"""Write the table: with the index that pandas writes."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines([(i, *row) for i, row in enumerate(ROWS)], header=",label,prediction"))
