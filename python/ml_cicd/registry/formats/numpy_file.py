"""Arrays of numbers in NumPy's own format (`.npy`), and several in a zip (`.npz`). One of objects is a pickle."""

import ast
import re
import struct
import zipfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from ml_cicd.registry.formats.compressed import begins
from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.formats.zips import MAGIC as ZIP
from ml_cicd.registry.formats.zips import entry, names, opened
from ml_cicd.registry.look import Allowed

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # NumPy's own bound
NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[mM]8(\[\w+\])?|[SUV]\d{1,9})")
ITEM = re.compile(r"\d+")


def recognises(path: Path) -> bool:
    """Whether it begins as an array, or is a zip of nothing but arrays."""
    first = begins(path)
    if first.startswith(ZIP):
        found = names(path)
        return bool(found) and all(name.endswith(".npy") for name in found)
    return first.startswith(MAGIC)


def violations(path: Path, _allowed: Allowed) -> tuple[str, ...]:
    """Return why it is not made of numbers alone."""
    try:
        if begins(path).startswith(ZIP):
            with opened(path) as archive:
                return tuple(_members(archive, path.name))
        with path.open("rb") as stream:
            hold_array(stream, path.stat().st_size)
    except NotPlain as problem:
        return (f"{path.name} is no plain array: {problem}",)
    except OSError as problem:
        return (f"{path.name} cannot be read ({problem.strerror})",)
    return ()


def _members(archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    for one in archive.infolist():
        try:
            with entry(archive, one.filename) as stream:
                hold_array(stream, one.file_size)
        except NotPlain as problem:
            yield f"{name} ({one.filename}) is no plain array: {problem}"


def hold_array(stream: BinaryIO, size: int) -> None:
    """Hold that a stream of so many bytes is one array of numbers.

    Raises:
        NotPlain: it is not.
    """
    start = stream.read(8)
    if start[:6] != MAGIC or len(start) != 8 or start[6] not in {1, 2, 3}:
        raise NotPlain("it does not begin as an array")
    width, form = (2, "<H") if start[6] == 1 else (4, "<I")
    packed = stream.read(width)
    length = struct.unpack(form, packed)[0] if len(packed) == width else LONGEST_HEADER + 1
    if length > LONGEST_HEADER:
        raise NotPlain("its header is too long")
    shape, item = _header(stream.read(length))
    if 8 + width + length + prod(shape) * item != size:
        raise NotPlain("its size is not the one that its header says")


def _header(data: bytes) -> tuple[tuple[int, ...], int]:
    try:
        found = ast.literal_eval(data.decode("utf-8").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as problem:
        raise NotPlain("its header cannot be read") from problem
    if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
        raise NotPlain("its header is not one of an array")
    shape = found["shape"]
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise NotPlain("its shape is not one of an array")
    return shape, _item_size(found["descr"])


def _item_size(description: Any) -> int:  # noqa: ANN401  # whatever a header holds
    """Return the bytes of an item of numbers: a code, or a list of (name, code) or (name, code, shape)."""
    if isinstance(description, str) and NUMBERS.fullmatch(description):
        digits = ITEM.search(description)
        size = int(digits[0]) if digits else 0
        return size * (4 if description.lstrip("<>|=").startswith("U") else 1)
    if not isinstance(description, list) or not description:
        raise NotPlain(f"its items are {str(description)[:60]!r}, not numbers")
    total = 0
    for field in description:
        if not isinstance(field, tuple) or len(field) not in {2, 3}:
            raise NotPlain("a field of its items is not known")
        inner = field[2] if len(field) == 3 else ()
        if not isinstance(inner, tuple) or not all(type(n) is int and n >= 0 for n in inner):
            raise NotPlain("a field of its items is not known")
        total += _item_size(field[1]) * prod(inner)
    return total


FORMAT = Format(
    name="NumPy",
    recognised="an array or several (`.npy`, `.npz`)",
    looked_at="the header of every array, the build of the zip",
    refused="arrays of objects, which are pickles; sizes that the header does not say",
    way_out="Save arrays of numbers.",
    recognises=recognises,
    violations=violations,
)
