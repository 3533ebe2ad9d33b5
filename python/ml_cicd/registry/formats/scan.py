"""Which format looks through a model's files: the first that recognises them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ml_cicd.ground.errors import EvidenceError
from ml_cicd.registry.formats.mlmodel import MLMODEL, read_mlmodel


class Format(Protocol):
    """A module of this folder that knows one kind of model; `registry.doors.FORMATS` lists them."""

    def recognises(self, path: Path) -> bool:
        """Whether these files are of this kind, by a look that loads nothing."""

    def violations(self, path: Path) -> tuple[str, ...]:
        """What in them could run code when they are loaded; empty for a plain model."""


def violations(path: Path, formats: Sequence[Format]) -> tuple[str, ...]:
    """Return what in a model's files could run code when they are loaded, by the first format that recognises them.

    What none recognises cannot be looked through, and that is a violation itself: an allow-list.
    """
    for known in formats:
        if known.recognises(path):
            return known.violations(path)
    return (_unrecognised(path),)


def _unrecognised(path: Path) -> str:
    try:
        read_mlmodel(path / MLMODEL)
    except EvidenceError as problem:
        return problem.what
    return f"{path} is of no known format"
