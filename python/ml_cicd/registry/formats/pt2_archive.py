"""What in a `torch.export` archive (pt2) could run code when it is loaded. Nothing is unpickled; this reads opcodes.

`torch.export.load` unpickles sample inputs, custom objects and weights that say so, without `weights_only`, opens
bundled libraries, and evaluates texts of the program (pt2_program.py). An allow-list of records, of texts and of
pickled names keeps such an archive out.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.pt2_program import program_problems
from ml_cicd.registry.formats.reading import first_line
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.formats.torch_file import saved_problems
from ml_cicd.registry.formats.zips import opened

LARGEST_RECORD = 256 * 2**20
TEXT = re.compile(
    r"(.+/)?(archive_format|archive_version|byteorder|version|serialization_id|\.format_version|\.storage_alignment)"
)
JSON = re.compile(r"(models/[\w-]+|data/(weights|constants)/[\w-]+)\.json")
RAW = re.compile(r"data/(weights/weight_\d+|constants/tensor_\d+)")
PICKLED = re.compile(r"data/sample_inputs/[\w-]+\.pt")


def archive_violations(path: Path) -> tuple[str, ...]:
    """Return what in the archive is not a plain exported program, named by record; empty for one that mlflow saved."""
    try:
        with opened(path) as archive:
            return tuple(_archive(archive))
    except NotPlain as problem:
        return (f"{path.name} is not a pt2 archive: {problem}",)


def _archive(archive: zipfile.ZipFile) -> Iterator[str]:
    entries = archive.infolist()
    roots = {entry.filename.partition("/")[0] for entry in entries}
    if len(roots) != 1 or not any(entry.filename.endswith("/archive_format") for entry in entries):
        yield "it is no exported program"
        return
    for entry in entries:
        name = entry.filename.partition("/")[2]
        if entry.compress_type != zipfile.ZIP_STORED:
            yield f"record {name!r} is compressed"
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


def _json(name: str, data: bytes) -> Iterator[str]:
    try:
        yield from (f"record {name!r} {problem}" for problem in program_problems(data))
    except ValueError as problem:
        yield f"record {name!r} is not JSON ({first_line(problem)})"


def _pickled(name: str, data: bytes) -> Iterator[str]:
    """Look into what torch.save wrote."""
    try:
        with opened(data) as saved:
            yield from (f"record {name!r} {problem}" for problem in saved_problems(saved, frozenset()))
    except NotPlain as problem:
        yield f"record {name!r} is not what torch.save writes: {problem}"


FORMAT = Format(
    name="PyTorch pt2",
    recognised="a file .pt2 of torch.export",
    looked_at="every record of the archive; every text of the program; the opcodes of what is pickled in it",
    refused="records of no plain program, sizes and guards that are more than arithmetic, operators of other libraries "
    "or of files, pickled weights, pickles that call anything, compressed and doubled records",
    way_out="Export it again with torch.export.save, without custom objects.",
    recognises=lambda path: path.suffix == ".pt2" and path.is_file(),
    violations=lambda path, _allowed: archive_violations(path),
)
