"""The port of this folder, and the look through a model's files: by the first format that recognises them.

Each module of this folder that `registry.doors.FORMATS` lists exports one `FORMAT`. A format that holds files of other
formats (a folder of MLflow's) asks the same table about them, by name.
"""

import hashlib
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ml_cicd.registry.doors import FORMATS
from ml_cicd.registry.look import NOTHING_ALLOWED, Allowed, Look


def no_code(_path: Path) -> tuple[str, ...]:
    """Most formats hold no code by design."""
    return ()


def no_advice(_path: Path) -> str:
    """Most formats have one way out."""
    return ""


def nothing_beside(_path: Path) -> frozenset[str]:
    """Most files are whole."""
    return frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One kind of model. The texts make the table in the docs; `way_out` is one sentence for who is refused.

    `recognises` is a cheap look at names and first bytes. `violations` names what in the files is not known to be
    harmless: an allow-list, so that what nobody thought of is refused. `code` names files of code that `Allowed.code`
    lets pass, `beside` the files that a file is not whole without, `advice` a way out for just these
    files. None of them loads or runs anything, or raises for what a file holds.
    """

    name: str
    recognised: str
    looked_at: str
    refused: str
    way_out: str
    recognises: Callable[[Path], bool]
    violations: Callable[[Path, Allowed], tuple[str, ...]]
    code: Callable[[Path], tuple[str, ...]] = no_code
    beside: Callable[[Path], frozenset[str]] = nothing_beside
    advice: Callable[[Path], str] = no_advice


def formats(names: Iterable[str] | None = None) -> Iterator[Format]:
    """Yield the formats of these names that the table has, all for None; a module is imported when it is due."""
    for name in FORMATS if names is None else names:
        if name in FORMATS:
            found: Format = import_module(FORMATS[name]).FORMAT
            yield found


def recognised(path: Path, names: Iterable[str] | None = None) -> Format | None:
    """Return the first of these formats that recognises the files."""
    return next((known for known in formats(names) if known.recognises(path)), None)


def look(path: Path, allowed: Allowed = NOTHING_ALLOWED) -> Look:
    """Look through a model. What no format recognises cannot be looked through, and that is a violation itself."""
    known = recognised(path)
    if known is None:
        return Look(violations=(_what_it_is(path),), way_out=_way_out(path))
    beside = known.beside(path)
    if beside:  # else the digest would not cover them
        problem = f"{path.name} is not whole without {', '.join(sorted(beside))}"
        return Look(format=known.name, violations=(problem,), way_out="Give the folder that holds all of them.")
    plain = known.violations(path, NOTHING_ALLOWED)
    found = known.violations(path, allowed) if plain and allowed else plain
    needed = allowed if plain and not found else NOTHING_ALLOWED
    code = tuple(f"{name} sha256:{_sha256(path / name)}" for name in known.code(path)) if needed.code else ()
    way_out = known.advice(path) or known.way_out
    return Look(format=known.name, violations=found, way_out=way_out, allowed=needed, code=code)


def _way_out(path: Path) -> str:
    """Name the one model in a folder of other things, or else what is recognised."""
    inside = sorted(path.iterdir()) if path.is_dir() and not path.is_symlink() else []
    models = [one for one in inside if not one.is_symlink() and one.suffix != ".json" and recognised(one)]
    if len(models) == 1:
        return f"Give the model in it by its own path, to the gate too: {models[0]}"
    return f"Recognised are: {', '.join(map(_brief, formats()))}."


def _brief(known: Format) -> str:
    return f"{known.name} ({known.recognised})"


def _what_it_is(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError as problem:
        return f"{path} cannot be read ({problem.strerror})"
    if stat.S_ISDIR(mode):
        return f"the folder {path} is of no known format"
    if stat.S_ISREG(mode):
        return f"the file {path} is of no known format"
    return f"{path} is neither a file nor a folder"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
