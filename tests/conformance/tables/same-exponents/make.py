"""Write the table: as numpy.savetxt writes numbers."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines([(f"{a:.18e}", f"{b:.18e}") for a, b in ROWS]))
