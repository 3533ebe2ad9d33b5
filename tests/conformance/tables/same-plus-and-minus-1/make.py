"""Write the table: as -1 and 1."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines(spelled(-1, 1)))
