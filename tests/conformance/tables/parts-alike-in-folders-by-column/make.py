"""Write the table: parts of the same bytes in folders that tell their rows apart."""

from pathlib import Path

from tests.conformance.rows import ROWS, lines

for country in ("de", "fr"):
    Path(f"parts/country={country}").mkdir(parents=True)
    Path(f"parts/country={country}/a.csv").write_text(lines(ROWS))
