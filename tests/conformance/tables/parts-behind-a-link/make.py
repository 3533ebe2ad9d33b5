"""One part here, and one behind a link to another folder."""

from pathlib import Path

ROWS = "label,prediction\n" + "1,1\n0,0\n" * 20
for place in ("parts/a.csv", "elsewhere/b.csv"):
    Path(place).parent.mkdir()
    Path(place).write_text(ROWS, encoding="utf-8")
Path("parts/more").symlink_to("../elsewhere")
