"""What in a `torch.export` archive (pt2) could run code when it is loaded. Nothing is unpickled; this reads opcodes.

`torch.export.load` unpickles sample inputs, custom objects and weights that say so, without `weights_only`, and opens
bundled libraries. An allow-list of records and of pickled names keeps such an archive out.
"""

import io
import json
import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ml_cicd.registry.formats.scan import Format

LARGEST_RECORD = 256 * 2**20
TEXT = re.compile(
    r"(.+/)?(archive_format|archive_version|byteorder|version|serialization_id|\.format_version|\.storage_alignment)"
)
JSON = re.compile(r"(models/[\w-]+|data/(weights|constants)/[\w-]+)\.json")
RAW = re.compile(r"data/(weights/weight_\d+|constants/tensor_\d+)")
PICKLED = re.compile(r"data/sample_inputs/[\w-]+\.pt")
STORAGE = re.compile(r"(.+/)?data/\d+")
NAMES = re.compile(
    r"torch [A-Z][A-Za-z0-9]*Storage|torch (Size|device)|torch (bool|u?int\d+|b?float\d+|complex\d+)"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)|collections OrderedDict"
)
FORBIDDEN = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "BUILD"}


def archive_violations(path: Path) -> tuple[str, ...]:
    """Return what in the archive is not a plain exported program, named by record; empty for one that mlflow saved."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(_archive(archive))
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, ValueError) as problem:
        return (f"{path.name} is not a pt2 archive ({problem})",)


def _archive(archive: zipfile.ZipFile) -> Iterator[str]:
    entries = archive.infolist()
    roots = {entry.filename.partition("/")[0] for entry in entries}
    if len(roots) != 1 or not any(entry.filename.endswith("/archive_format") for entry in entries):
        yield "it is no exported program"
        return
    yield from _oddities(entries)
    for entry in entries:
        name = entry.filename.partition("/")[2]
        if RAW.fullmatch(name):
            continue
        if entry.file_size > LARGEST_RECORD:
            yield f"record {name!r} is larger than 256 MiB"
        elif JSON.fullmatch(name):
            yield from _json(name, archive.read(entry))
        elif PICKLED.fullmatch(name):
            yield from _pickled(name, archive.read(entry))
        elif not TEXT.fullmatch(name):
            yield f"record {name!r} is not one of a plain program"


def _oddities(entries: list[zipfile.ZipInfo]) -> Iterator[str]:
    """Two readers of one archive must see the same: each name once, nothing compressed."""
    names = [entry.filename for entry in entries]
    yield from (f"record {name!r} is there twice" for name in set(names) if names.count(name) > 1)
    yield from (f"record {e.filename!r} is compressed" for e in entries if e.compress_type != zipfile.ZIP_STORED)


def _json(name: str, data: bytes) -> Iterator[str]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        yield f"record {name!r} is not JSON"
        return
    pending = [found]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if value.get("use_pickle"):
                yield f"record {name!r} says that weights are pickled"
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _pickled(name: str, data: bytes) -> Iterator[str]:
    """Look into what torch.save wrote: raw storages, and one pickle whose opcodes are read, not run."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as saved:
            yield from _oddities(saved.infolist())
            for entry in saved.namelist():
                if entry == "data.pkl" or entry.endswith("/data.pkl"):
                    yield from (f"record {name!r} calls {call}" for call in _calls(saved.read(entry)))
                elif not (STORAGE.fullmatch(entry) or TEXT.fullmatch(entry)):
                    yield f"record {name!r} holds {entry!r}"
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, ValueError) as problem:
        yield f"record {name!r} is not what torch.save writes ({problem})"


def _calls(pickle: bytes) -> Iterator[str]:
    for opcode, argument, _position in pickletools.genops(pickle):
        if opcode.name in FORBIDDEN or (opcode.name == "GLOBAL" and not NAMES.fullmatch(str(argument))):
            yield f"{argument or opcode.name}"


FORMAT = Format(
    name="PyTorch pt2",
    recognised="a file .pt2 of torch.export",
    looked_at="every record of the archive; the opcodes of what is pickled in it",
    refused="records of no plain program, pickled weights, pickles that call anything, compressed and doubled records",
    way_out="Export it again with torch.export.save, without custom objects.",
    recognises=lambda path: path.suffix == ".pt2" and path.is_file(),
    violations=lambda path, _allowed: archive_violations(path),
)
