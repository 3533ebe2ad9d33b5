"""The seams: what commands may ask of the outside. At most four methods each, domain types only.

Adapters map every foreign exception to `OutsideError` or one of its children (errors.py); nothing else leaves them.
"""

from collections.abc import Mapping
from typing import Protocol

from ml_cicd.domain.config import Config, TargetConfig
from ml_cicd.domain.evidence import Evidence, EvidenceRequest
from ml_cicd.domain.model import Ledger, LedgerEntry, ModelVersion, RegistrySnapshot
from ml_cicd.domain.operation import RegisterVersion
from ml_cicd.domain.rollout import Counters, Identity, RolloutState, RouterView, Split


class Evaluator(Protocol):
    """Turns tables and files into evidence."""

    def evaluate(self, request: EvidenceRequest) -> Evidence:
        """Measure what is wanted; raises `EvidenceError` where the data cannot be used at all."""


class ModelRegistry(Protocol):
    """Versions and aliases."""

    def snapshot(self, name: str) -> RegistrySnapshot:
        """Read a model; an unknown one has no versions."""

    def register(self, wanted: RegisterVersion) -> tuple[ModelVersion, bool]:
        """Return the canonical version of `wanted.key` and whether this call created it. Safe to repeat and to race."""

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Point the alias; return whether it moved. Read back before returning."""

    def download(self, version: ModelVersion, folder: str) -> str:
        """Copy the version's files into a new folder below `folder`, return its path; the caller checks the digest."""


class DeploymentLedger(Protocol):
    """The append-only record of one model's promotions and rollbacks."""

    def read(self, name: str) -> Ledger:
        """Return the valid entries, oldest first."""

    def append(self, name: str, entry: LedgerEntry) -> LedgerEntry:
        """Append; `entry.number` is ignored on the way in. Raises `Conflict` when `entry.previous` is not the head."""


class TrafficRouter(Protocol):
    """One router of one target."""

    def read(self) -> RouterView:
        """Read split, state and clock. Raises `CorruptState`, `Unreachable`."""

    def write(self, split: Split, state: RolloutState | None, *, expect_seq: int) -> RouterView:
        """Change both at once and read back. Raises `Conflict` when the router's seq is not `expect_seq`."""

    def counters(self) -> Mapping[str, Counters]:
        """Cumulative counters by slot: requests, and failed requests as a user or the proxy saw them."""


class SlotHost(Protocol):
    """The places that serve models."""

    def identify(self, slot: str) -> Identity:
        """Ask a slot who it is; never raises, an unreachable slot has a `problem`."""

    def deploy(self, slot: str, *, model: str, version: str, digest: str) -> Identity:
        """Run the deploy hook and wait until the slot says it is that version. Raises `OutsideError`."""


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Epoch seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait; raises `Interrupted` when the run is cancelled."""


class Files(Protocol):
    """The few files that commands read themselves."""

    def payload_digest(self, path: str) -> str:
        """Digest of a model's file or folder. Raises `InputError` when absent, `EvidenceError` on links."""

    def exists(self, path: str) -> bool:
        """Whether anything is there."""

    def read_text(self, path: str, *, limit: int) -> str:
        """Read a UTF-8 file of at most `limit` bytes. Raises `InputError`."""

    def policy_violations(self, path: str) -> tuple[str, ...]:
        """What in a model folder could run code when loaded (static check, nothing is loaded)."""


class Scaffold(Protocol):
    """The files that `init` writes."""

    def exists(self, path: str) -> bool:
        """Whether anything is there."""

    def write_new(self, path: str, text: str) -> None:
        """Create a file and its folders; raises `InputError` where one exists."""


class Progress(Protocol):
    """Lines for whoever watches."""

    def say(self, line: str) -> None:
        """Print one line at once."""


class World(Protocol):
    """Everything outside, made on first use; `registry_uri` empty means the configuration's."""

    def config(self, path: str, *, required: bool) -> Config:
        """Read and validate the configuration; an absent file is an empty one unless it is `required`."""

    def evaluator(self) -> Evaluator:
        """Return the evaluator of prediction tables and metrics files."""

    def registry(self, uri: str) -> ModelRegistry:
        """Connect to the registry; fails fast when it does not answer."""

    def ledger(self, uri: str) -> DeploymentLedger:
        """Connect to the ledger, which lives in the registry."""

    def router(self, target: TargetConfig) -> TrafficRouter:
        """Connect to a target's router."""

    def slots(self, target: TargetConfig) -> SlotHost:
        """Return the target's slots."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def files(self) -> Files:
        """Files."""

    @property
    def scaffold(self) -> Scaffold:
        """Files that `init` writes."""

    @property
    def progress(self) -> Progress:
        """Progress lines."""

    @property
    def actor(self) -> str:
        """Who runs this, e.g. the login that started the workflow."""

    @property
    def run_url(self) -> str:
        """Where the log of this run is; empty outside a workflow."""

    @property
    def commit(self) -> str:
        """Commit that is being judged; empty outside a repository."""
