"""XGBoost's own files: JSON and UBJSON. Data alone; the loader is XGBoost's parser and names no Python."""

import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_cicd.registry.formats.reading import LARGEST_JSON, bytes_of, head, read_whole, strict_json
from ml_cicd.registry.formats.scan import Format

TOP = {"learner", "version"}
DEEPEST = 64
WIDTH = {"i": 1, "U": 1, "I": 2, "l": 4, "L": 8, "d": 4, "D": 8, "C": 1, "T": 0, "F": 0, "Z": 0}
INTEGERS = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q"}


def _problems(path: Path) -> Iterator[str]:
    if path.suffix == ".json" or re.match(rb'\{\s*"', head(path)):
        found = strict_json(bytes_of(path, LARGEST_JSON))
        names = set(found) if isinstance(found, dict) else set()
        inside = set(found["learner"]) if isinstance(found, dict) and isinstance(found.get("learner"), dict) else set()
    else:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            names, inside = Ubjson(data).document()
    if names != TOP or "gradient_booster" not in inside:
        yield f"it holds {', '.join(sorted(names)[:5]) or 'nothing'}, not XGBoost's learner and version"


class Ubjson:
    """A walk through UBJSON that keeps nothing but the names of the top two levels, and ends where the file ends."""

    def __init__(self, data: Any) -> None:  # noqa: ANN401  # bytes, or a file as memory
        """Take the whole file."""
        self._data = data
        self._at = 0

    def document(self) -> tuple[set[str], set[str]]:
        """Return the names of the top level, and those in its `learner`."""
        names: dict[int, set[str]] = {0: set(), 1: set()}
        self._value(self._marker(), 0, names)
        if self._at != len(self._data):
            raise ValueError(f"{len(self._data) - self._at} bytes follow its end")
        return names[0], names[1]

    def _take(self, length: int) -> bytes:
        self._skip(length)
        return bytes(self._data[self._at - length : self._at])

    def _skip(self, length: int) -> None:
        if length < 0 or self._at + length > len(self._data):
            raise ValueError(f"a value at byte {self._at} is longer than the file")
        self._at += length

    def _marker(self) -> str:
        return self._take(1).decode("latin-1")

    def _length(self) -> int:
        kind = self._marker()
        if kind not in INTEGERS:
            raise ValueError(f"{kind!r} at byte {self._at} is no length")
        return int(struct.unpack(INTEGERS[kind], self._take(WIDTH[kind]))[0])

    def _value(self, kind: str, depth: int, names: dict[int, set[str]]) -> None:
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if kind in WIDTH:
            self._skip(WIDTH[kind])
        elif kind in {"S", "H"}:
            self._skip(self._length())
        elif kind in {"{", "["}:
            self._container(kind == "{", depth, names)
        else:
            raise ValueError(f"{kind!r} at byte {self._at} is no kind of value")

    def _container(self, named: bool, depth: int, names: dict[int, set[str]]) -> None:
        kind = self._marker() if self._is("$") else ""
        count = self._length() if self._is("#") else None
        if (kind and count is None) or (count or 0) < 0:
            raise ValueError(f"a container at byte {self._at} without a true count")
        if not named and kind in WIDTH:
            self._skip((count or 0) * WIDTH[kind])
            return
        seen: set[str] = set()
        while count != 0 and not (count is None and self._is("}" if named else "]")):
            count = None if count is None else count - 1
            if named:
                self._name(seen, depth, names)
            self._value(kind or self._marker(), depth + 1, names)

    def _name(self, seen: set[str], depth: int, names: dict[int, set[str]]) -> None:
        name = self._take(self._length()).decode("utf-8")
        if name in seen:
            raise ValueError(f"the key {name!r} is there twice")
        seen.add(name)
        if depth in names:
            names[depth].add(name)

    def _is(self, marker: str) -> bool:
        """Take the next byte if it is this one."""
        found = self._data[self._at : self._at + 1] == marker.encode()
        self._at += found
        return bool(found)


def _recognises(path: Path) -> bool:
    return path.suffix in {".json", ".ubj", ".xgb"} and head(path, 1) == b"{"


FORMAT = Format(
    name="XGBoost",
    recognised="a file .ubj or .json of `save_model` (.xgb of MLflow 2)",
    looked_at="the whole document, to its last byte",
    refused="keys that are there twice, lengths beyond the file, documents of something else",
    way_out="Save it with the booster's save_model('model.ubj'): its binary format and pickles are not taken.",
    recognises=_recognises,
    violations=read_whole("a model that XGBoost wrote", _problems),
)
