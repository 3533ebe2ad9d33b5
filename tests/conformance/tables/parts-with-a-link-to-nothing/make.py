"""Two parts, of which one is a link to a file that is not there."""

from pathlib import Path

ROWS = "label,prediction\n" + "1,1\n0,0\n" * 20
Path("parts").mkdir()
Path("parts/a.csv").write_text(ROWS, encoding="utf-8")
Path("parts/b.csv").symlink_to("../.cache/6f1ed002ab")
