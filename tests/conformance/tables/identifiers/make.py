"""Write the table: the wrong column: 1,500 different values."""

from pathlib import Path

from tests.conformance.rows import lines

Path("p.csv").write_text(lines([(f"id{i}", f"id{i}") for i in range(1500)]))
