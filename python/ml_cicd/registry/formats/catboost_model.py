"""CatBoost's own file: `CBM1`, the length of a flatbuffer, the flatbuffer, and parts for features of text."""

import struct
from collections.abc import Iterator
from pathlib import Path

from ml_cicd.registry.formats.reading import head, read_whole
from ml_cicd.registry.formats.scan import Format

MAGIC = b"CBM1"


def _problems(path: Path) -> Iterator[str]:
    size = path.stat().st_size
    magic, length, root = struct.unpack("<4sII", head(path, 12))
    if magic != MAGIC:
        yield "it does not begin with CBM1"
    elif not 4 <= length <= size - 8:
        yield f"its core claims {length} bytes of {size}"
    elif not 4 <= root < length:
        yield "its core is no flatbuffer"


FORMAT = Format(
    name="CatBoost",
    recognised="a file .cbm (in MLflow's folder .cb)",
    looked_at="its head and lengths; numbers that CatBoost's own parser reads, no code",
    refused="other formats under this name, lengths beyond the file",
    way_out="Save it with the model's save_model('model.cbm').",
    recognises=lambda path: path.suffix in {".cbm", ".cb"} and path.is_file(),
    violations=read_whole("a model that CatBoost wrote", _problems),
)
