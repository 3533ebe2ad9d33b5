"""Write the table: a part that was copied: its rows would count twice."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

Path("parts").mkdir()
for name in ("a", "b"):
    Path(f"parts/{name}.csv").write_text(lines(ROWS))
