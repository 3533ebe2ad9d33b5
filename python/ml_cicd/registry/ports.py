"""The seams of this wing: what it may ask of the outside. Domain types only; `OutsideError` or one of its children is
all that a door lets out.
"""

from collections.abc import Mapping
from typing import Protocol

from ml_cicd.registry.addresses import Address, Origin
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


class ModelOrigins(Protocol):
    """Models that are there already, by their addresses."""

    def locate(self, address: Address) -> Origin:
        """Find out what is at an address whose alias is settled.

        Raises `InputError` where nothing is there, or nothing whole.
        """

    def bring(self, origin: Origin, folder: str) -> str:
        """Copy the files below `folder`, return where they are; a container image stays an address."""

    def annotate(self, run: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> bool:
        """Write metrics and tags on a run; return whether it did not say all of that already."""


class Records(Protocol):
    """Registry and ledger, connected when they are first asked for."""

    @property
    def registry(self) -> ModelRegistry:
        """Connect; fails fast when it does not answer."""

    @property
    def ledger(self) -> DeploymentLedger:
        """Connect; it lives in the registry."""


class Server(Records, Protocol):
    """All that is at one address."""

    @property
    def origins(self) -> ModelOrigins:
        """Connect."""
