"""Write the table: classes that went through a float, 1.0."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines(spelled("0.0", "1.0")))
