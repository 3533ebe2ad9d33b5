"""Files that are compressed as joblib does it, read in bounded memory: by what they begin with, never by their name."""

import bz2
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ml_cicd.registry.formats.pickle_stream import CHUNK, NotPlain

MOST_BYTES = 16 * 2**30
LARGEST_RATIO = 1100  # zlib packs zeros 1,032 to 1; what is packed closer is there to fill a memory
PROBLEMS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


class Unpacker(Protocol):
    """What bz2 and lzma have."""

    @property
    def eof(self) -> bool:
        """Whether its stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without more bytes."""

    @property
    def unused_data(self) -> bytes:
        """What follows the stream's end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack more, up to so many bytes."""


class _Zlib:
    """zlib's, in the same form."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class Unpacked(io.RawIOBase):
    """One compressed stream as a file; what follows it would be read by some readers and not by others."""

    def __init__(self, stream: BinaryIO, unpacker: Unpacker, most: int) -> None:
        """Unpack a stream to so many bytes at most."""
        self._stream = stream
        self._unpacker = unpacker
        self._left = most

    def readable(self) -> bool:
        """It is read alone."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # what BufferedReader gives
        """Fill a part of the buffer."""
        unpacker = self._unpacker
        while not unpacker.eof:
            packed = self._stream.read(CHUNK) if unpacker.needs_input else b""
            exhausted = unpacker.needs_input and not packed
            data = unpacker.decompress(packed, len(buffer))
            self._left -= len(data)
            if self._left < 0:
                raise NotPlain("it unpacks to more than such a file holds")
            if data:
                buffer[: len(data)] = data
                return len(data)
            if exhausted and not unpacker.eof:
                raise EOFError("it ends in the middle")
        if unpacker.unused_data or self._stream.read(1):
            raise NotPlain("something follows what is compressed")
        return 0


UNPACKERS: dict[bytes, Callable[[], Unpacker]] = {
    b"\x1f\x8b": lambda: _Zlib(31),
    b"\x78": lambda: _Zlib(15),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lzma.LZMADecompressor,
    b"\x5d\x00\x00": lzma.LZMADecompressor,
}
LZ4 = b"\x04\x22\x4d\x18"
TAR_HEADER = tarfile.BLOCKSIZE


def begins(path: Path, size: int = 8) -> bytes:
    """Return the first bytes of a file; nothing of what is none."""
    try:
        if path.is_symlink() or not path.is_file():
            return b""
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError:
        return b""


def is_compressed(first: bytes) -> bool:
    """Whether a file that begins so is compressed; none of these is how a pickle begins that can be read on."""
    return any(first.startswith(magic) for magic in (*UNPACKERS, LZ4))


def is_tar(first: bytes) -> bool:
    """Whether a file that begins so is a tar too: torch.load tries that first."""
    try:
        tarfile.TarInfo.frombuf(first[:TAR_HEADER], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, LookupError):
        return False
    return True


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked if it is compressed.

    Raises:
        NotPlain: it is compressed in a way that is not read here. PROBLEMS while it is read, if it is broken.
    """
    with path.open("rb", buffering=CHUNK) as stream:
        first = stream.read(8)
        stream.seek(0)
        if first.startswith(LZ4):
            raise NotPlain("it is compressed by lz4, which is not read here: compress it by zlib, gzip, bz2 or xz")
        make = next((UNPACKERS[magic] for magic in UNPACKERS if first.startswith(magic)), None)
        if make is None:
            yield stream
        else:
            most = min(MOST_BYTES, LARGEST_RATIO * path.stat().st_size + 2**30)
            yield cast("BinaryIO", io.BufferedReader(Unpacked(stream, make(), most), CHUNK))
