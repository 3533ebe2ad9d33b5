"""Write the table: two classes called 1 and 2: nobody says which is meant, so both are averaged."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines(spelled(1, 2)))
