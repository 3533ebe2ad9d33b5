"""Write the table: two parts without a row are the same, and take nothing away."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("parts").mkdir()
Path("parts/a.csv").write_text(lines(ROWS))
for name in ("b", "c"):
    Path(f"parts/{name}.csv").write_text(lines([]))
for name in ("d", "e"):
    Path(f"parts/{name}.csv").write_text("")
