"""Where the registry contracts are held: in memory, in a shared file, in a sqlite file, behind a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml_cicd.registry.mlflow.ledger import MlflowLedger
from ml_cicd.registry.mlflow.versions import MlflowRegistry
from tests.contracts.mlflow_process import mlflow_server
from tests.fakes.registry import FakeLedger, FakeRegistry
from tests.fakes.registry_file import FileLedger, FileRegistry

KINDS = ("fake", "file", "sqlite", "http")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One registry with its ledger; `uri` is empty for the fakes."""

    registry: MlflowRegistry | FakeRegistry | FileRegistry
    ledger: MlflowLedger | FakeLedger | FileLedger
    uri: str


@contextmanager
def open_place(kind: str, folder: Path) -> Iterator[Place]:
    """Open a place of this kind."""
    if kind == "fake":
        yield Place(registry=FakeRegistry(), ledger=FakeLedger(), uri="")
    elif kind == "file":
        path = folder / "registry.json"
        yield Place(registry=FileRegistry(path), ledger=FileLedger(path), uri="")
    elif kind == "sqlite":
        uri = f"sqlite:///{folder}/registry.db"
        yield Place(registry=MlflowRegistry(uri), ledger=MlflowLedger(uri), uri=uri)
    else:
        with mlflow_server(folder) as uri:
            yield Place(registry=MlflowRegistry(uri), ledger=MlflowLedger(uri), uri=uri)
