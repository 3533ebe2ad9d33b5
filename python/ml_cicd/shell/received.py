"""Brings a model's files to a folder: all of them, with the digest that they must have, or none."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from ml_cicd.ground.errors import EvidenceError, InputError, IntegrityError

PLAIN_MODE = 0o755  # what a temporary folder has lets nobody else read the model


def receive(to: Path, wanted: str, bring: Callable[[str], str], *, digest_of: Callable[[str], str]) -> bool:
    """Let `bring` copy the files below a folder that it is given, and put them where they belong once they are right.

    Return whether anything was to be done: a folder that holds these files is left as it is.

    Raises:
        InputError: the folder holds something else, or cannot be written. IntegrityError: other files were brought.
    """
    try:
        if not _is_free(to):
            _check_same(to, wanted, digest_of)
            return False
        to.parent.mkdir(parents=True, exist_ok=True)
        # Beside it: a rename within one file system is done or not done, whatever kills the process.
        with tempfile.TemporaryDirectory(prefix=".ml-cicd-", dir=to.parent) as folder:
            brought = bring(folder)
            found = digest_of(brought)
            if found != wanted:
                raise IntegrityError(
                    f"The registry holds {found}, but the version was registered as {wanted}.",
                    cure="Somebody changed its artifacts or its tags; use another version, and ask who did.",
                )
            Path(brought).chmod(PLAIN_MODE)
            Path(brought).rename(to)
    except OSError as problem:
        raise InputError(f"{to} cannot be written: {problem}.", cure="Name a folder that can be made.") from problem
    return True


def _is_free(to: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    if to.is_dir() and not to.is_symlink():
        return not any(to.iterdir())
    return not (to.exists() or to.is_symlink())


def _check_same(to: Path, wanted: str, digest_of: Callable[[str], str]) -> None:
    try:
        there = digest_of(str(to))
    except (InputError, EvidenceError):  # no model at all
        there = ""
    if there != wanted:
        raise InputError(f"{to} holds something else.", cure="Remove it, or name another folder.")
