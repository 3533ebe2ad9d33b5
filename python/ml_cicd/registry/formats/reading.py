"""How formats read what is not to be trusted: bounded, each key once; what is broken is a violation."""

import json
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ml_cicd.registry.look import Allowed

LARGEST_JSON = 256 * 2**20
BROKEN = (
    *(OSError, ValueError, RecursionError, EOFError, NotImplementedError, RuntimeError, LookupError),
    *(struct.error, zipfile.BadZipFile, zlib.error, OverflowError, MemoryError, TypeError, AttributeError),
)


def read_whole(what: str, judge: Callable[[Path], Iterator[str]]) -> Callable[[Path, Allowed], tuple[str, ...]]:
    """Make `violations` of a generator of problems; a file that it cannot read to its end is a violation."""

    def violations(path: Path, _allowed: Allowed) -> tuple[str, ...]:
        try:
            return tuple(dict.fromkeys(f"{path.name}: {problem}" for problem in judge(path)))
        except BROKEN as problem:
            return (f"{path.name} is not {what} ({first_line(problem)})",)

    return violations


def first_line(problem: BaseException) -> str:
    """Return a short reason."""
    return (str(problem) or type(problem).__name__).partition("\n")[0][:200]


def bytes_of(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes; raises ValueError for a larger one."""
    with path.open("rb") as stream:
        found = stream.read(limit + 1)
    if len(found) > limit:
        raise ValueError(f"larger than {limit // 2**20} MiB")
    return found


def head(path: Path, length: int = 64) -> bytes:
    """Return a file's first bytes; nothing for what is no file or cannot be read."""
    if not path.is_file():  # to open a pipe would wait for ever
        return b""
    try:
        with path.open("rb") as stream:
            return stream.read(length)
    except OSError:
        return b""


def strict_json(data: bytes | str) -> Any:  # noqa: ANN401  # whatever JSON holds
    """Parse UTF-8 JSON in which no mapping names a key twice: another reader may take the other one.

    Raises:
        ValueError: it is not.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=_each_once)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {name!r} is there twice")
    return found


def mappings(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Yield every mapping in a parsed document, at any depth."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            yield one
            pending += one.values()
        elif isinstance(one, list):
            pending += one
