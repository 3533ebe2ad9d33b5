"""What a command may ask of the outside: wired by `shell/wiring`, or by a test in memory."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ml_cicd.config import Config
from ml_cicd.gate.evidence import Evidence, EvidenceRequest
from ml_cicd.ground.finding import Finding
from ml_cicd.registry.addresses import Origin
from ml_cicd.registry.look import Allowed, Look
from ml_cicd.registry.ports import Server
from ml_cicd.rollout.ports import Clock
from ml_cicd.rollout.site import Site
from ml_cicd.starter.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """Who runs this, and where its log is (empty outside a workflow)."""

    actor: str
    run_url: str


class Files(Protocol):
    """The few files that commands read and write themselves."""

    def exists(self, path: str) -> bool:
        """Whether anything is there."""

    def read_text(self, path: str, *, limit: int) -> str:
        """Read a UTF-8 file of at most `limit` bytes. Raises `InputError`."""

    def write_new(self, path: str, text: str) -> None:
        """Create a file and its folders; raises `InputError` where one exists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelHere:
    """A model as it lies on this machine: a path, or an image's address. `origin` is where it was brought from."""

    path: str
    origin: Origin | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What an address meant."""
        return (self.origin.meaning,) if self.origin else ()


class Models(Protocol):
    """Model files, looked at without loading them."""

    def here(self, model: str, records: Callable[[], Server]) -> AbstractContextManager[ModelHere]:
        """Bring a model that a server holds to this machine for a while; any other is here already.

        `records` is asked only for an address on a server.
        """

    def payload_digest(self, path: str) -> str:
        """Digest of a model's file or folder. Raises `InputError` when absent, `EvidenceError` on links."""

    def look(self, path: str, allowed: Allowed) -> Look:
        """What in it could run code when it is loaded; no violation in a plain model."""

    def receive(self, path: str, digest: str, bring: Callable[[str], str]) -> bool:
        """Put what `bring` copies below a folder at `path`, if it has this digest; False where that is there already.

        Raises `InputError` where something else is there, `IntegrityError` where something else is brought.
        """


class World(Protocol):
    """The outside, each part made on first use."""

    @property
    def who(self) -> Who:
        """Who runs this."""

    @property
    def commit(self) -> str:
        """Commit that is judged; empty where there is none. Asked for apart: to find it out may take a process."""

    @property
    def say(self) -> Callable[[str], None]:
        """Print one line of progress at once."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def files(self) -> Files:
        """Files."""

    @property
    def models(self) -> Models:
        """Model files."""

    def new_name(self) -> str:
        """Return a name that no other process has; in a workflow it begins with the run's id and a dot."""

    def is_gone(self, owner: str) -> bool:
        """Whether the process that had this name is known to be dead. False where nobody here can tell."""

    def config(self, path: str, *, required: bool) -> Config:
        """Read the configuration; an absent file is an empty one unless it is `required`."""

    def measure(self, request: EvidenceRequest) -> Evidence:
        """Turn tables or a metrics file into evidence. Raises `EvidenceError` where they cannot be used at all."""

    def records(self, uri: str) -> Server:
        """Return registry and ledger of an address."""

    def site(self, config: Config, *, target: str, registry_uri: str) -> Site:
        """Return a target with all that it takes to look at it and to change it; connects to nothing."""

    def lacking(self, config: Config) -> tuple[Finding, ...]:
        """Return a remark for each package that the configuration will want and that is not installed."""

    def validate(self, paths: Sequence[str]) -> tuple[Finding, ...]:
        """Hold documents against the published schemas; the findings of a path have it as their rule."""

    def survey(self) -> Snapshot:
        """Read the repository in the working directory."""

    def ask(self, question: str) -> str:
        """Ask the person at the terminal; empty for "as it is", and where there is nobody."""
