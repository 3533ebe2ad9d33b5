"""A registry and a ledger in memory; they pass the same contract as MLflow's."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from threading import Lock

from ml_cicd.ground.errors import Conflict, InputError, IntegrityError, NotFound
from ml_cicd.registry.chain import sealed
from ml_cicd.registry.formats.image import is_image
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.ledger import Ledger, LedgerEntry, replay, replay_newest
from ml_cicd.registry.versions import (
    TAG_DIGEST,
    TAG_KEY,
    ModelVersion,
    NewVersion,
    RegistrySnapshot,
    check_model_name,
)


class FakeRegistry:
    """registry.ports.ModelRegistry in memory."""

    def __init__(self) -> None:
        """Start empty."""
        self.versions: list[tuple[ModelVersion, str]] = []
        self.aliases: dict[tuple[str, str], str] = {}
        self.lock = Lock()

    def snapshot(self, name: str) -> RegistrySnapshot:
        """Read a model."""
        check_model_name(name)
        aliases = {alias: number for (model, alias), number in self.aliases.items() if model == name}
        versions = tuple(v for v, _ in self.versions if v.name == name)
        return RegistrySnapshot(name=name, versions=versions, aliases=aliases)

    def register(self, wanted: NewVersion) -> tuple[ModelVersion, bool]:
        """Create or find."""
        check_model_name(wanted.name)
        with self.lock:
            mine = [(v, f) for v, f in self.versions if v.name == wanted.name]
            found = next(((v, f) for v, f in mine if v.tags[TAG_KEY] == wanted.key), None)
            tags = {**wanted.tags, TAG_DIGEST: wanted.digest, TAG_KEY: wanted.key}
            number = str(len(mine) + 1)
            version = ModelVersion(name=wanted.name, number=number, uri=f"models:/{wanted.name}/{number}", tags=tags)
            version, folder = found or (version, wanted.folder)
            if payload_digest(Path(folder)) != wanted.digest:
                raise IntegrityError("These are other bytes.", cure="Mend it.")
            if found is None:
                self.versions.append((version, _kept(folder)))
            return version, found is None

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Point the alias."""
        check_model_name(name)
        if self.snapshot(name).version(version) is None:
            raise NotFound(f"{name} has no version {version}.", cure="Mend it.")
        moved = self.aliases.get((name, alias)) != version
        self.aliases[name, alias] = version
        return moved

    def download(self, version: ModelVersion, folder: str) -> str:
        """Copy the files."""
        source = next(f for v, f in self.versions if v == version)
        if is_image(Path(source)):
            raise InputError(f"{source} is an image.", cure="Pull it.")
        return str(shutil.copytree(source, Path(tempfile.mkdtemp(dir=folder)) / "model"))


def _kept(model: str) -> str:
    """Copy a folder; a file into a folder of its own; an address stays what it is."""
    kept = Path(tempfile.mkdtemp()) / "model"
    if Path(model).is_dir():
        shutil.copytree(model, kept)
    elif Path(model).is_file():
        kept.mkdir()
        shutil.copy(model, kept)
    return str(kept) if kept.exists() else model


class FakeLedger:
    """registry.ports.DeploymentLedger in memory."""

    def __init__(self) -> None:
        """Start empty."""
        self.entries: dict[str, tuple[LedgerEntry, ...]] = {}
        self.lock = Lock()

    def read(self, name: str, *, newest: int = 0) -> Ledger:
        """Return the entries."""
        check_model_name(name)
        entries = self.entries.get(name, ())
        return replay_newest(entries[-newest:]) if 0 < newest < len(entries) else replay(entries)

    def append_entry(self, name: str, entry: LedgerEntry) -> LedgerEntry:
        """Append at the head."""
        with self.lock:
            there = self.read(name)
            if entry.previous != there.head:
                raise Conflict(f"The head is {there.head}.", cure="Mend it.")
            written = replace(sealed(entry, there), number=str(max((int(e.number) for e in there.log), default=0) + 1))
            self.entries[name] = (*self.entries.get(name, ()), written)
            return written
