"""Archives of which Python's zipfile reads one directory and torch another, and code that TorchScript reads as more."""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from tests.security.archives import at_2, saved, zipped
from tests.security.pickle_payloads import Payload

PICKLE = "archive/data.pkl"


def _local(name: str, content: bytes) -> bytes:
    sizes = (zlib.crc32(content), len(content), len(content), len(name), 0)
    return struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 0, 0, 33, *sizes) + name.encode() + content


def _directory(entries: Iterable[tuple[str, bytes, int]]) -> bytes:
    lines = []
    for name, content, offset in entries:
        sizes = (zlib.crc32(content), len(content), len(content), len(name), 0, 0, 0, 0, 0, offset)
        lines.append(struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, *sizes) + name.encode())
    return b"".join(lines)


def _large_end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)


def two_directories(marker: Path) -> bytes:
    """The locator leads to a directory with the payload; Python takes the one that stands before the end."""
    records = {PICKLE: b""} | {name: content for name, content in saved([1]).items() if content}
    places, out = {}, b""
    for name, content in records.items():
        places[name] = len(out)
        out += _local(name, content)
    evil, payload = len(out), at_2(marker)
    out += _local(PICKLE, payload)
    plain = [(name, content, places[name]) for name, content in records.items()]
    for entries in ([(PICKLE, payload, evil), *plain[1:]], plain):
        found, at = _directory(entries), len(out)
        out += found + _large_end(len(entries), len(found), at)
        if entries is not plain:
            there = len(out) - 56
    return (
        out
        + struct.pack("<4sIQI", b"PK\x06\x07", 0, there, 1)
        + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, *_ANY, 0)
    )


_ANY = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def directory_elsewhere(marker: Path) -> bytes:
    """The end says that the directory begins a little later, where another one could stand."""
    raw = bytearray(zipped(saved([1]) | {PICKLE: at_2(marker)}))
    entry = raw.index(b"PK\x01\x02")
    (offset,) = struct.unpack_from("<I", raw, len(raw) - 6)
    struct.pack_into("<I", raw, len(raw) - 6, offset + 4)
    while entry >= 0:
        (place,) = struct.unpack_from("<I", raw, entry + 42)
        struct.pack_into("<I", raw, entry + 42, place + 4)
        entry = raw.find(b"PK\x01\x02", entry + 4)
    return bytes(raw)


def fewer_entries(_marker: Path) -> bytes:
    """The end counts fewer entries than there are."""
    raw = bytearray(zipped(saved([1])))
    (count,) = struct.unpack_from("<H", raw, len(raw) - 12)
    struct.pack_into("<HH", raw, len(raw) - 14, count - 1, count - 1)
    return bytes(raw)


def name_that_ends_early(_marker: Path) -> bytes:
    """Python ends a name at its first zero, others do not."""
    return zipped(saved([1]) | {"archive/dataXpkl": b"x"}).replace(b"archive/dataXpkl", b"archive/data\x00pkl")


class _Sets(torch.nn.Module):  # type: ignore[misc]
    """TorchScript that runs when it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.w

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return (self.w, self.training)

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __setstate__(self, s: tuple[torch.Tensor, bool]) -> None:
        self.w = s[0]
        self.training = s[1]


def writes(line: str) -> Callable[[Path], bytes]:
    """Return TorchScript that runs a line when it is loaded; `FILE` in it is the marker."""

    def build(marker: Path) -> bytes:
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(_Sets()), buffer)
        with zipfile.ZipFile(buffer) as archive:
            records = {name: archive.read(name) for name in archive.namelist()}
        name = next(name for name in records if name.endswith(".py"))
        added = line.replace("FILE", f'"{marker}"').encode()
        records[name] = records[name].replace(b"    self.w = (s)[0]\n", b"    self.w = (s)[0]\n    " + added + b"\n")
        return zipped(records)

    return build


TWO_READERS = {
    "two directories": Payload(build=two_directories, file="m.pt", proof="torch"),
    "a directory elsewhere": Payload(build=directory_elsewhere, file="m.pt"),
    "fewer entries": Payload(build=fewer_entries, file="m.pt"),
    "a name that ends early": Payload(build=name_that_ends_early, file="m.pt"),
    "TorchScript, a remark in a name": Payload(build=writes("_9 = (torch.#\nsave((s)[0], FILE))"), file="m.pt"),
    "TorchScript, another name for torch": Payload(
        build=writes("_8 = torch\n    _9 = _8.save((s)[0], FILE)"), file="m.pt", proof="torch"
    ),
    "TorchScript, torch behind torch": Payload(build=writes("_9 = torch.autograd.save((s)[0], FILE)"), file="m.pt"),
    "TorchScript, another name for its operators": Payload(
        build=writes("_8 = ops.aten\n    _9 = _8.save((s)[0], FILE)"), file="m.pt"
    ),
    "TorchScript, by a text": Payload(
        build=writes('_9 = getattr(torch, "\\163ave")((s)[0], FILE)'), file="m.pt", proof="torch"
    ),
    "TorchScript, by texts": Payload(build=writes('_9 = getattr(ops.aten, "sa" "ve")((s)[0], FILE)'), file="m.pt"),
    "TorchScript, operators of a library by another name": Payload(
        build=writes("_8 = ops\n    _9 = _8.evil.run((s)[0])"), file="m.pt"
    ),
}
