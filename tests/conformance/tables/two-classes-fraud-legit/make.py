"""Write the table: two classes called fraud and legit: nobody says which is meant, so both are averaged."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines(spelled("legit", "fraud")))
