"""Write the table: `positive` in the configuration, as a number."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines(spelled(2, 7)))
Path("ml-cicd.yml").write_text("version: 1\nevidence: {positive: 7}\n")
