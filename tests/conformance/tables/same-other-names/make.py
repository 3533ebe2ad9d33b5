"""Write the table: under other names of columns."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS, header="truth,guess"))
Path("ml-cicd.yml").write_text("version: 1\nevidence: {columns: {label: truth, prediction: guess}}\n")
