"""Wanted effects as values, and the receipt of what really happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ml_cicd.domain.model import LedgerEntry
from ml_cicd.domain.rollout import RolloutState, Split


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterVersion:
    """Create one version with all its tags in one call, unless a version with this `key` exists."""

    name: str
    folder: str
    digest: str
    key: str
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAlias:
    """Point an alias at a version. An empty `version` means the version that `RegisterVersion` made before it."""

    name: str
    alias: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AppendLedger:
    """Append one entry; fails when the head is no longer `entry.previous`."""

    name: str
    entry: LedgerEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSplit:
    """Write the router's value and the rollout's state; fails when its seq is no longer `expect_seq`."""

    target: str
    split: Split
    state: RolloutState | None
    expect_seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploySlot:
    """Make a slot serve a version: run the deploy hook, then check the slot's identity."""

    target: str
    slot: str
    model: str
    version: str
    digest: str


ROUTED = "split"
Operation: TypeAlias = RegisterVersion | SetAlias | AppendLedger | SetSplit | DeploySlot


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """One performed operation: what was wanted, in words, and what was read back. `changed` is False for a no-op.

    `values` are what later steps and outputs need, e.g. version, uri and created of a registration.
    """

    what: str
    result: str
    changed: bool
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What is done, what is not, and why it stopped. `cures` are the exact commands that finish the rest."""

    done: tuple[Done, ...]
    not_done: tuple[str, ...]
    problem: str
    cures: tuple[str, ...]

    def moves(self) -> int:
        """Return how many writes the router took."""
        return sum(ROUTED in done.values for done in self.done)
