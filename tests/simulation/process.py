"""The whole outside of one process (world.World): its configuration is the cheap one, its doors lead to the model."""

from collections.abc import Sequence

from ml_cicd.config import Config
from ml_cicd.gate.evidence import Evidence, EvidenceRequest
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.finding import Finding
from ml_cicd.registry.ports import Server
from ml_cicd.rollout.site import Place, Site
from ml_cicd.starter.snapshot import Snapshot
from ml_cicd.world import Files, Models, Who
from tests.fakes.world import NoFiles, NoModels
from tests.simulation.cheap import CONFIG, MODEL, TARGET
from tests.simulation.doors import Book, Hands, Router, Slots, Source, Time
from tests.simulation.model import CURE

PLACE = Place(target=TARGET, model=MODEL, slots=("blue", "green"), has_hook=True)


class ProcessWorld:
    """world.World of one process."""

    who = Who(actor="ann", run_url="")
    commit = ""
    files: Files = NoFiles()
    models: Models = NoModels()

    def __init__(self, hands: Hands) -> None:
        """Give it hands."""
        self.name = hands.name
        self.clock = Time(hands)
        book = Book(hands)
        self.book = book
        self.place = Site(
            place=PLACE,
            router=Router(hands),
            source=Source(hands),
            slots=Slots(hands),
            clock=self.clock,
            actor="ann",
            run_url="",
            say=self.say,
            records=lambda: book,
        )

    def say(self, line: str) -> None:
        """Nobody listens."""

    def new_name(self) -> str:
        """Return the process's name."""
        return self.name

    def survey(self) -> Snapshot:
        """There is no repository here."""
        return Snapshot()

    def ask(self, question: str) -> str:
        """Nobody answers."""
        return ""

    def is_gone(self, owner: str) -> bool:
        """Each process is on a machine of its own."""
        return False

    def config(self, path: str, *, required: bool) -> Config:
        """Return the one there is."""
        return CONFIG

    def measure(self, request: EvidenceRequest) -> Evidence:
        """Nobody judges tables here."""
        raise EvidenceError("There are no tables.", cure=CURE)

    def records(self, uri: str) -> Server:
        """Return the record."""
        return self.book

    def site(self, config: Config, *, target: str, registry_uri: str) -> Site:
        """Return the target."""
        return self.place

    def lacking(self, config: Config) -> tuple[Finding, ...]:
        """Return nothing: all is installed."""
        return ()

    def validate(self, paths: Sequence[str]) -> tuple[Finding, ...]:
        """There are no documents."""
        return ()
