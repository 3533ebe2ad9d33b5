"""Write the table: two classes called y and n: nobody says which is meant, so both are averaged."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines(spelled("n", "y")))
