"""LightGBM's own text: lines of `name=value`, read to the last one."""

import re
from collections.abc import Iterator
from pathlib import Path

from ml_cicd.registry.formats.reading import head, read_whole, strict_json
from ml_cicd.registry.formats.scan import Format

LINE = re.compile(
    r"\w+=.*|\[\w+: .*\]|tree|end of trees|feature_importances:"
    r"|.+=\d+(\.\d+)?|parameters:|end of parameters|end_parameters"
)
LONGEST_LINE = 256 * 2**20
CATEGORIES = "pandas_categorical:"
NEEDED = {"version", "max_feature_idx", "tree_sizes"}


def _problems(path: Path) -> Iterator[str]:
    seen: set[str] = set()
    with path.open("rb") as stream:
        for number, raw in enumerate(iter(lambda: stream.readline(LONGEST_LINE), b""), 1):
            line = raw.decode("utf-8").rstrip("\r\n")
            if line.startswith(CATEGORIES):
                strict_json(line.removeprefix(CATEGORIES))
            elif line and ("\0" in line or not LINE.fullmatch(line)):
                yield f"line {number} is not one of a LightGBM model: {line[:60]!r}"
                return
            seen.add(line.partition("=")[0])
    if not seen >= NEEDED:
        yield f"it says no {', '.join(sorted(NEEDED - seen))}"


FORMAT = Format(
    name="LightGBM",
    recognised="a text file (.txt, .lgb, .model) that begins with `tree`",
    looked_at="every line",
    refused="lines that LightGBM does not write, bytes that are not text",
    way_out="Save it with the booster's save_model('model.txt').",
    recognises=lambda path: path.suffix in {".txt", ".lgb", ".model"} and head(path, 5) in {b"tree\n", b"tree\r"},
    violations=read_whole("a model that LightGBM wrote", _problems),
)
