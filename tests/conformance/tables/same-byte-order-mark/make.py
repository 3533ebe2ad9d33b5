"""Write the table: as a spreadsheet writes UTF-8."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("p.csv").write_text(lines(ROWS), encoding="utf-8-sig")
