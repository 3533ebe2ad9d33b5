"""Write the table: the same, and `positive` says it."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines(spelled("legit", "fraud")))
