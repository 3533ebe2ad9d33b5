"""Brings a model's files to a folder: all of them, with the digest that they must have, or none."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_cicd.ground.errors import EvidenceError, InputError, IntegrityError
from ml_cicd.registry.addresses import Origin, Registered, is_address, read_address, settle
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.ports import Server
from ml_cicd.registry.reference import says_champion
from ml_cicd.world import ModelHere

PLAIN_MODE = 0o755  # what a temporary folder has lets nobody else read the model


@contextmanager
def here(model: str, records: Callable[[], Server], *, digest_of: Callable[[str], str]) -> Iterator[ModelHere]:
    """Bring what is at an address into a folder of its own, which ends with this context; leave a path as it is.

    Raises:
        InputError: nothing is there. IntegrityError: a registered version has other bytes than it was registered with.
    """
    if not is_address(model):
        yield ModelHere(path=model)
        return
    origin = _settled(model, records())
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as folder:
        path = records().origins.bring(origin, folder)
        if Path(path).is_dir() and not any(Path(path).iterdir()):
            raise InputError(f"{model} holds no files.", cure="Log the model again.")
        if origin.digest and digest_of(path) != origin.digest:
            raise IntegrityError(
                f"{model} holds {digest_of(path)}, but version {origin.version} was registered as {origin.digest}.",
                cure="Somebody changed its artifacts or its tags; use another version, and ask who did.",
            )
        yield ModelHere(path=path, origin=origin)


def _settled(model: str, records: Server) -> Origin:
    """Look an address up once: an alias first becomes a version, so that all that follows speaks of one."""
    address = read_address(model)
    if isinstance(address, Registered):
        ledger = records.ledger.read(address.name) if says_champion(address.alias) else Ledger(entries=())
        address = settle(address, records.registry.snapshot(address.name), ledger)
    return records.origins.locate(address)


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
