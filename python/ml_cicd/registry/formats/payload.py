"""A model's payload digest: the name of its bytes, whatever its format. Nothing is loaded, nothing is executed."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.registry.formats.image import image_digest, is_image
from ml_cicd.registry.formats.mlmodel import MLMODEL, lasting

EXCLUDED = {"registered_model_meta"}  # MLflow adds it to what it downloads


def payload_digest(path: Path) -> str:
    """Return `sha256:<hex>` over a model that survives logging the same weights again.

    A folder: name and bytes of every regular file in bytewise order of their names, with MLmodel reduced to what does
    not change at each logging. A file: as a folder that holds it alone, as which a registry gives it back; its name
    counts, because it says by which format the file is judged. An image: the digest in its address.

    Raises:
        InputError: nothing there. EvidenceError: a link, a special file or a line end in a name in it, or an MLmodel
            that cannot be read.
    """
    if is_image(path):
        return image_digest(str(path))
    if path.is_symlink():
        raise InputError(f"{path} is a link.", cure=f"Give what it points to: {path.resolve()}")
    if not path.exists():
        raise InputError(f"{path} is not a model's file or folder.", cure="Check the input model.")
    if not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is neither a file nor a folder.", cure="Check the input model.")
    # All names first: a pipe that stands late in the order must be refused before a read of it could hang.
    _check_name(path.name if path.is_file() else "", path)
    found = [(path.name, path)] if path.is_file() else _files(path)
    files = sorted(found, key=lambda pair: os.fsencode(pair[0]))
    lines = [_line(name, file) for name, file in files if name not in EXCLUDED]
    if not lines:
        raise InputError(f"{path} is an empty folder.", cure="Check the input model.")
    return "sha256:" + hashlib.sha256(b"".join(lines)).hexdigest()


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            entry = Path(folder) / name
            if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                raise EvidenceError(
                    f"{entry} is a link or a special file.",
                    cure="A model holds plain files only; copy what it points to.",
                )
            _check_name(name, entry)
        for name in files:
            yield (Path(folder) / name).relative_to(root).as_posix(), Path(folder) / name


def _check_name(name: str, entry: Path) -> None:
    """Refuse a name with a line end: what follows it would count as another file with its digest."""
    if "\n" in name:
        raise EvidenceError(f"{str(entry)!r} has a line end in its name.", cure="Name it otherwise.")


def _line(name: str, file: Path) -> bytes:
    """Return what of one file goes into the digest; bytes of names, because a name need not be UTF-8."""
    line = f"{MLMODEL} {json.dumps(lasting(file), sort_keys=True)}" if name == MLMODEL else f"{_sha256(file)}  {name}"
    return os.fsencode(line + "\n")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
