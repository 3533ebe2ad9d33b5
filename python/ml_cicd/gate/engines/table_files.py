"""The files of a table: one, a folder of parts, or all that a pattern matches."""

import glob
import hashlib
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ml_cicd.gate.doors import KINDS, suffix_of
from ml_cicd.ground.errors import EvidenceError

MARKS = "*?["
UNFINISHED = ("_temporary", "_committed_incomplete")
LOGS = ("_delta_log", ".hoodie", "metadata")  # Delta, Hudi, Iceberg
MOST_FILES = 10_000
CHANGED = "Do not change it while it is judged."


@dataclass(frozen=True, kw_only=True, slots=True)
class TableFiles:
    """Files of one kind, in the order of their names."""

    path: str
    kind: str
    files: tuple[str, ...]

    @property
    def partitions(self) -> set[str]:
        """Columns that the folders below the table's own name, as `country=de` does."""
        return (
            {name for file in self.files for name in _columns_in(Path(file).relative_to(self.path).parent)}
            if (Path(self.path).is_dir())
            else set()
        )

    @property
    def columns_of_path(self) -> set[str]:
        """Columns that any folder of the whole path names so."""
        return {name for file in self.files for name in _columns_in(Path(file).parent)}

    @property
    def copies(self) -> list[tuple[str, str]]:
        """Two files of each sort that are the same, bytes and columns of their folders: one part under two names."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for file in self.files if len(self.files) > 1 else ():
            values = (part for part in Path(file).parent.parts if "=" in part)
            alike.setdefault((_sha256(file), *values), []).append(file)
        return [(one[0], one[1]) for one in alike.values() if len(one) > 1]

    @property
    def digest(self) -> str:
        """sha256 over the bytes of one file, or over the names and digests of several."""
        if len(self.files) == 1 and self.files[0] == self.path:
            return "sha256:" + _sha256(self.path)
        folder = Path(self.path).is_dir()  # its parts are called the same wherever it lies
        names = [str(Path(file).relative_to(self.path)) if folder else file for file in self.files]
        lines = (f"{_sha256(file)}  {name}\n" for file, name in zip(self.files, names, strict=True))
        return "sha256:" + hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _columns_in(folder: Path) -> Iterator[str]:
    return (part.partition("=")[0] for part in folder.parts if "=" in part)


def _sha256(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise EvidenceError(f"{file} cannot be read: {problem}.", cure=CHANGED) from problem


def find_files(path: str) -> TableFiles:
    """Find the files of a table.

    Raises:
        EvidenceError: there is none, they are of several kinds, or a writer has not finished.
    """
    try:
        found = _found(path)
    except OSError as problem:  # a name too long, a folder that may not be entered
        raise EvidenceError(f"{path} is not a file: {problem}.", cure="Check the path.") from problem
    if not found:
        where = "matches no file" if any(mark in path for mark in MARKS) else "is not a file"
        where = "is a folder without a table" if Path(path).is_dir() else where
        raise EvidenceError(f"{path} {where}.", cure="Check the path; it starts from the working directory.")
    if len(found) > MOST_FILES:
        raise EvidenceError(f"{path} has {len(found)} files.", cure=f"Write at most {MOST_FILES}.")
    kinds = {KINDS[suffix_of(file)] for file in found}
    if len(kinds) > 1:
        raise EvidenceError(
            f"{path} has files of several kinds, {', '.join(sorted(kinds))}.", cure="Keep one kind, or name a pattern."
        )
    return TableFiles(path=path, kind=kinds.pop(), files=tuple(found))


def _found(path: str) -> list[str]:
    place = Path(path)
    if place.is_dir():
        return _parts(place)
    if place.is_file():
        return [path]
    if not any(mark in path for mark in MARKS):
        return []
    return _matched(path)


def _matched(pattern: str) -> list[str]:
    """Return the files that a pattern matches; a folder with a table's name counts by its files, or not at all."""
    found = sorted(set(glob.glob(pattern, recursive=True)))  # noqa: PTH207  # absolute too
    _refuse_unfinished(pattern, found)
    for path in found:
        named_like_one = posixpath.splitext(path)[1].lower() in KINDS and Path(path).is_dir()
        if named_like_one and not any(other.startswith(f"{path}{os.sep}") for other in found):
            raise EvidenceError(f"{path} is a folder.", cure="Name one folder, or a pattern of the files in it.")
    return _plain_files(found)


def _refuse_unfinished(path: str, files: Iterable[str]) -> None:
    named = Path(path).parts
    if any(part in UNFINISHED and part not in named for file in files for part in Path(file).parts):
        raise EvidenceError(f"{path} holds parts that are still written.", cure="Wait until the writer has ended.")


def _parts(folder: Path) -> list[str]:
    """Return the files in a folder and below it; what begins with a dot or `_` is a writer's own."""
    inside = [
        Path(place, name).relative_to(folder)
        for place, folders, files in os.walk(folder, onerror=_raise)  # rglob leaves out what it may not enter
        for name in (*folders, *files)
    ]
    _refuse_unfinished(str(folder), map(str, inside))
    log = next((name for name in LOGS if (folder / name).exists()), "")
    if log:
        raise EvidenceError(
            f"{folder} has a {log}: some of its files may be of older versions of the table.",
            cure="Write the version that is meant to a folder of its own.",
        )
    own = [file for file in inside if not any(part.startswith((".", "_")) for part in file.parts)]
    for link in (folder / file for file in own if (folder / file).is_symlink() and (folder / file).is_dir()):
        raise EvidenceError(f"{link} leads to another folder.", cure="Copy its parts, or name them by a pattern.")
    return _plain_files(sorted(str(folder / file) for file in own))


def _raise(problem: OSError) -> NoReturn:
    raise problem


def _plain_files(found: list[str]) -> list[str]:
    """Leave out folders, and nothing else: a link to nothing was a part."""
    for path in found:
        if not Path(path).exists():
            raise EvidenceError(f"{path} is a link to nothing.", cure="Bring the file that it stands for.")
    return [path for path in found if Path(path).is_file()]
