"""Write the table: one class of three, named."""

from pathlib import Path

from tests.conformance.rows import lines, spelled

Path("p.csv").write_text(lines([*spelled("cat", "dog"), *[("emu", "emu")] * 50]))
