"""The registry and the ledger of `registry.py`, kept in one file, so that several processes share them."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ml_cicd.registry.ledger import Ledger, LedgerEntry, LedgerOp
from ml_cicd.registry.versions import ModelVersion, NewVersion, RegistrySnapshot
from tests.fakes.origins import FakeOrigins
from tests.fakes.registry import FakeLedger, FakeRegistry


@dataclass(frozen=True)
class FileRecords:
    """All of them (registry.ports.Server)."""

    path: Path

    @property
    def registry(self) -> "FileRegistry":
        """Connect."""
        return FileRegistry(self.path)

    @property
    def ledger(self) -> "FileLedger":
        """Connect."""
        return FileLedger(self.path)

    @property
    def origins(self) -> FakeOrigins:
        """There are none."""
        return FakeOrigins()


@dataclass(frozen=True)
class FileRegistry:
    """registry.ports.ModelRegistry in a file."""

    path: Path

    def snapshot(self, name: str) -> RegistrySnapshot:
        """Read a model."""
        return _load(self.path)[0].snapshot(name)

    def register(self, wanted: NewVersion) -> tuple[ModelVersion, bool]:
        """Create or find."""
        with changing(self.path) as (registry, _):
            return registry.register(wanted)

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Point the alias."""
        with changing(self.path) as (registry, _):
            return registry.set_alias(name, alias, version)

    def download(self, version: ModelVersion, folder: str) -> str:
        """Copy the files."""
        return _load(self.path)[0].download(version, folder)


@dataclass(frozen=True)
class FileLedger:
    """registry.ports.DeploymentLedger in a file."""

    path: Path

    def read(self, name: str, *, newest: int = 0) -> Ledger:
        """Return the entries."""
        return _load(self.path)[1].read(name, newest=newest)

    def append_entry(self, name: str, entry: LedgerEntry) -> LedgerEntry:
        """Append at the head."""
        with changing(self.path) as (_, ledger):
            return ledger.append_entry(name, entry)


@contextlib.contextmanager
def changing(path: Path) -> Iterator[tuple[FakeRegistry, FakeLedger]]:
    """Give both to change; one process at a time. A kill leaves the old file or the new one."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        registry, ledger = _load(path)
        yield registry, ledger
        fresh = path.with_suffix(".fresh")
        fresh.write_text(_dump(registry, ledger), "utf-8")
        os.replace(fresh, path)  # noqa: PTH105  # the call that the chaos suite stands beside
    finally:
        os.close(lock)


def _load(path: Path) -> tuple[FakeRegistry, FakeLedger]:
    registry, ledger = FakeRegistry(), FakeLedger()
    if path.exists():
        kept = json.loads(path.read_text("utf-8"))
        registry.versions = [(ModelVersion(**version), folder) for version, folder in kept["versions"]]
        registry.aliases = {(model, alias): number for model, alias, number in kept["aliases"]}
        ledger.entries = {name: tuple(map(_entry, entries)) for name, entries in kept["entries"].items()}
    return registry, ledger


def _entry(kept: dict[str, str]) -> LedgerEntry:
    return LedgerEntry(**{**kept, "op": LedgerOp(kept["op"])})  # type: ignore[arg-type]  # all others are text


def _dump(registry: FakeRegistry, ledger: FakeLedger) -> str:
    kept = {
        "versions": [(asdict(version), folder) for version, folder in registry.versions],
        "aliases": [(*names, number) for names, number in registry.aliases.items()],
        "entries": {name: [asdict(entry) for entry in entries] for name, entries in ledger.entries.items()},
    }
    return json.dumps(kept)
