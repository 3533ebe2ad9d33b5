"""Zip archives that every reader sees alike: nothing before or behind, no name twice, no entries in each other."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from ml_cicd.registry.formats.compressed import MOST_BYTES
from ml_cicd.registry.formats.pickle_stream import CHUNK, NotPlain

MAGIC = b"PK\x03\x04"
END = b"PK\x05\x06"
END_SIZE = 22
LARGE_END, LARGE_END_SIZE = b"PK\x06\x06", 56  # of an archive that is larger than 4 GB, and what says where that stands
LOCATOR, LOCATOR_SIZE = b"PK\x06\x07", 20
LOCAL_SIZE = 30
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
MOST_ENTRIES = 200_000
ENCRYPTED = 0x1 | 0x40 | 0x2000
NAME = re.compile(r"[\w.+-]+(/[\w.+ -]+)*")
BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    zlib.error,
)


@contextmanager
def opened(file: Path | bytes) -> Iterator[zipfile.ZipFile]:
    """Open an archive, a file or one that was read out of another, that is plain in its build.

    Raises:
        NotPlain: it is not; also where it breaks while it is read.
    """
    try:
        with _stream(file) as stream, zipfile.ZipFile(stream) as archive:
            _hold_plain(stream, archive)
            yield archive
    except BROKEN as problem:
        raise NotPlain(f"it is a broken archive ({problem})") from problem


def _stream(file: Path | bytes) -> BinaryIO:
    return io.BytesIO(file) if isinstance(file, bytes) else file.open("rb")


def names(path: Path) -> tuple[str, ...]:
    """Return the names in an archive for a first look; none where it cannot be read."""
    try:
        with path.open("rb") as stream:
            if path.is_symlink() or stream.read(len(MAGIC)) != MAGIC:
                return ()
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist())
    except BROKEN:
        return ()


@contextmanager
def entry(archive: zipfile.ZipFile, name: str) -> Iterator[BinaryIO]:
    """Open an entry; what is left of it is read at the end, because its checksum is compared there."""
    with archive.open(name) as stream:
        yield cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", stream), CHUNK))
        while stream.read(CHUNK):
            pass


def read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return an entry of at most so many bytes."""
    if archive.getinfo(name).file_size > most:
        raise NotPlain(f"{name!r} in it is larger than {most // 2**20} MiB")
    return archive.read(name)


def _hold_plain(stream: BinaryIO, archive: zipfile.ZipFile) -> None:
    stream.seek(0)
    entries = sorted(archive.infolist(), key=lambda one: one.header_offset)
    if stream.read(len(MAGIC)) != MAGIC or archive.comment or not entries:
        raise NotPlain("something stands before, in or behind its archive")
    if not _ends_as_read(stream, archive.start_dir, len(entries)):
        raise NotPlain("its end says another directory than the one that stands before it")
    if len(entries) > MOST_ENTRIES or len({one.filename.casefold() for one in entries}) != len(entries):
        raise NotPlain("its archive has a name twice, or too many")
    if sum(one.file_size for one in entries if one.compress_type) > MOST_BYTES:
        raise NotPlain("it unpacks to more than such a file holds")
    _hold_apart(entries, archive.start_dir)
    for one in entries:
        if one.flag_bits & ENCRYPTED or one.compress_type not in METHODS:
            raise NotPlain(f"{one.filename!r} in it is encrypted, or compressed in a rare way")
        if one.filename != one.orig_filename or not NAME.fullmatch(one.filename) or ".." in one.filename.split("/"):
            raise NotPlain(f"{one.filename!r} in it is no plain name")


def _ends_as_read(stream: BinaryIO, directory: int, count: int) -> bool:
    """Whether the end names the directory that was read: Python goes back from it, other readers by what it says."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - END_SIZE - LOCATOR_SIZE - LARGE_END_SIZE))
    tail = stream.read()
    large, locator, end = tail[: -END_SIZE - LOCATOR_SIZE], tail[-END_SIZE - LOCATOR_SIZE : -END_SIZE], tail[-END_SIZE:]
    if end[:4] != END:
        return False
    number, where = struct.unpack("<10xH4xI2x", end)
    if locator[:4] != LOCATOR:
        return (number, where) == (count, directory)
    if len(large) != LARGE_END_SIZE or large[:4] != LARGE_END:
        return False
    (place,) = struct.unpack("<8xQ4x", locator)
    number, where = struct.unpack("<32xQ8xQ", large)
    return (place, number, where) == (size - END_SIZE - LOCATOR_SIZE - LARGE_END_SIZE, count, directory)


def _hold_apart(entries: list[zipfile.ZipInfo], directory: int) -> None:
    if entries[0].header_offset != 0:
        raise NotPlain("something stands before its archive")
    ends = [one.header_offset for one in entries[1:]] + [directory]
    for one, end in zip(entries, ends, strict=True):
        if one.header_offset + LOCAL_SIZE + len(one.orig_filename) + one.compress_size > end:
            raise NotPlain(f"{one.filename!r} in it lies over another entry")
