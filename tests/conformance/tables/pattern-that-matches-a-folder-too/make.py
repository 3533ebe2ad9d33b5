"""A file, and a folder with parts as Spark writes it."""

from pathlib import Path

ROWS = "label,prediction\n" + "1,1\n0,0\n" * 20
for place in ("out/a.csv", "out/b.csv/part-0.csv"):
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text(ROWS, encoding="utf-8")
