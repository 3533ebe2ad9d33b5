"""The seams of this wing: what it may ask of the outside. Domain types only; `OutsideError` or one of its children is
all that a door lets out.
"""

from typing import Protocol

from ml_cicd.registry.ledger import Ledger, LedgerEntry
from ml_cicd.registry.versions import ModelVersion, NewVersion, RegistrySnapshot


class ModelRegistry(Protocol):
    """Versions and aliases."""

    def snapshot(self, name: str) -> RegistrySnapshot:
        """Read a model; an unknown one has no versions."""

    def register(self, wanted: NewVersion) -> tuple[ModelVersion, bool]:
        """Return the canonical version of `wanted.key` and whether this call created it. Safe to repeat and to race."""

    def download(self, version: ModelVersion, folder: str) -> str:
        """Copy a version's files into a new folder below `folder`, return its path. The caller checks the digest."""

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Point the alias; return whether it moved. Read back before returning."""


class DeploymentLedger(Protocol):
    """The append-only record of one model's promotions and rollbacks."""

    def read(self, name: str, *, newest: int = 0) -> Ledger:
        """Return the valid entries, oldest first: all of them, or at least those among the `newest`."""

    def append_entry(self, name: str, entry: LedgerEntry) -> LedgerEntry:
        """Append; `entry.number` is ignored on the way in. Raises `Conflict` when `entry.previous` is not the head."""


class Records(Protocol):
    """Both, connected when they are first asked for."""

    @property
    def registry(self) -> ModelRegistry:
        """Connect; fails fast when it does not answer."""

    @property
    def ledger(self) -> DeploymentLedger:
        """Connect; it lives in the registry."""
