"""A whole world in memory: configuration, registry, ledger, router, counters, slots, clock."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from ml_cicd.config import Config
from ml_cicd.gate.evidence import Evidence, EvidenceRequest
from ml_cicd.gate.settings import GateSettings, WhenNoChampion
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.finding import Finding
from ml_cicd.registry.look import Allowed, Look
from ml_cicd.registry.ports import DeploymentLedger, ModelOrigins, ModelRegistry, Server
from ml_cicd.registry.settings import RegistrySettings
from ml_cicd.registry.versions import (
    CHAMPION,
    TAG_DIGEST,
    TAG_GATE_DIGEST,
    TAG_GATE_VERDICT,
    ModelVersion,
    Release,
)
from ml_cicd.rollout.doors import ROUTERS, SOURCES
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.ports import MetricSource, TrafficRouter
from ml_cicd.rollout.settings import CanarySettings, HookSettings, SlotSettings, TargetSettings
from ml_cicd.rollout.site import Place, Site
from ml_cicd.rollout.state import Split
from ml_cicd.settings import Chosen
from ml_cicd.shell.wiring import open_door
from ml_cicd.starter.snapshot import Snapshot
from ml_cicd.world import Files, ModelHere, Models, Who
from tests.fakes.origins import FakeOrigins
from tests.fakes.registry import FakeLedger, FakeRegistry
from tests.fakes.traffic import FakeClock, FakeRouter, FakeSlots, FakeSource

MODEL = "digits"

GATE = GateSettings(thresholds={"accuracy": 0.95}, when_no_champion=WhenNoChampion.FIRST_RELEASE)
CANARY = CanarySettings(
    steps=(500, 5000),
    guardrails={"errors": ErrorsSettings(margin=0.05)},
    deadline=600,
    interval=5,
    lease=60,
    warm_up=0,
    minimum_duration=20,
    minimum_requests=100,
)
TARGET = TargetSettings(
    router=Chosen("memory", None),
    slots={"blue": SlotSettings(url="http://127.0.0.1:1"), "green": SlotSettings(url="http://127.0.0.1:2")},
    hooks=HookSettings(deploy=("deploy",)),
)
CONFIG = Config(
    version=1,
    model=MODEL,
    gate=GATE,
    registry=RegistrySettings(uri="sqlite:///r.db"),
    targets={"production": TARGET},
    canary=CANARY,
    path="ml-cicd.yml",
)


def digest_of(version: str) -> str:
    """Return the payload digest that a version has here."""
    return f"sha256:{int(version):064x}"


def release_of(version: str) -> Release:
    """Return a version with its digest."""
    return Release(version=version, digest=digest_of(version))


class NoFiles:
    """No files (world.Files)."""

    def exists(self, path: str) -> bool:
        """Nothing is there."""
        return False

    def read_text(self, path: str, *, limit: int) -> str:
        """Nothing is there."""
        raise InputError(f"{path} is not a file.", cure="There are none here.")

    def write_new(self, path: str, text: str) -> None:
        """Nothing is kept."""


class NoModels:
    """No model files (world.Models)."""

    def here(self, model: str, records: Callable[[], Server]) -> AbstractContextManager[ModelHere]:
        """Nothing is brought."""
        return nullcontext(ModelHere(path=model))

    def payload_digest(self, path: str) -> str:
        """Nothing is there."""
        raise InputError(f"{path} is not a model.", cure="There are none here.")

    def look(self, path: str, allowed: Allowed) -> Look:
        """Nothing is there."""
        return Look(violations=(f"{path} is not a model",))

    def receive(self, path: str, digest: str, bring: Callable[[str], str]) -> bool:
        """Nothing can be kept."""
        raise InputError(f"{path} cannot be written.", cure="There are no folders here.")


@dataclass
class FakeWorld:
    """world.World in memory. A request comes to the router as often as `rate` says, in requests a second.

    `failing` is the share of requests that a version fails; deterministic, so that counts are exact.
    """

    settings: Config = CONFIG
    rate: int = 200
    failing: dict[str, float] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    fake_registry: FakeRegistry = field(default_factory=FakeRegistry)
    fake_ledger: FakeLedger = field(default_factory=FakeLedger)
    fake_origins: FakeOrigins = field(default_factory=FakeOrigins)
    fake_slots: FakeSlots = field(default_factory=FakeSlots)
    lines: list[str] = field(default_factory=list)
    who: Who = field(default_factory=lambda: Who(actor="ann", run_url=""))
    commit: str = ""
    files: Files = field(default_factory=NoFiles)
    models: Models = field(default_factory=NoModels)

    def __post_init__(self) -> None:
        """Wire the clock to the traffic."""
        self.clock = self.fake_clock = FakeClock(each_second=self._one_second)
        self.fake_router = FakeRouter(self.fake_clock)
        self.fake_source = FakeSource(broken=lambda: self.fake_router.broken)
        self.splits: Callable[[], Split] = lambda: self.fake_router.split
        self._owed = {"blue": 0.0, "green": 0.0}
        self._names = itertools.count(1)

    def _one_second(self) -> None:
        """Serve one second's requests as the router splits them."""
        split, now = self.splits(), self.fake_clock.now()
        share = split.threshold / 10_000 if split.lease > now else 0.0
        for slot, part in ((split.idle, share), (split.serving, 1 - share)):
            requests = round(self.rate * part)
            self._owed[slot] += requests * self.failing.get(self._held(slot), 0.0)
            errors = int(self._owed[slot])
            self._owed[slot] -= errors
            self.fake_source.serve(slot, requests, errors)

    def _held(self, slot: str) -> str:
        return self.fake_slots.holds[slot].version if slot in self.fake_slots.holds else ""

    def add_version(self, verdict: str = "pass") -> str:
        """Register one more version, and point the challenger alias at it."""
        number = str(len(self.fake_registry.versions) + 1)
        tags = {TAG_DIGEST: digest_of(number), TAG_GATE_VERDICT: verdict, TAG_GATE_DIGEST: f"sha256:gate{number}"}
        version = ModelVersion(name=MODEL, number=number, uri=f"models:/{MODEL}/{number}", tags=tags)
        self.fake_registry.versions.append((version, ""))
        self.fake_registry.aliases[MODEL, "challenger"] = number
        return number

    def serves(self) -> str:
        """Version in the slot that gets the traffic."""
        return self.fake_slots.holds[self.fake_router.split.serving].version

    def standby(self) -> str:
        """Version in the idle slot."""
        return self._held(self.fake_router.split.idle)

    def record(self) -> list[tuple[str, str, str]]:
        """Ledger entries as (what, about which version, who serves after)."""
        entries = self.fake_ledger.read(MODEL).entries
        return [(e.op.value, e.candidate, e.champion) for e in entries]

    @property
    def say(self) -> Callable[[str], None]:
        """Keep a line."""
        return self.lines.append

    def new_name(self) -> str:
        """Return another name each time."""
        return f"process-{next(self._names)}"

    def is_gone(self, owner: str) -> bool:
        """Whether a test says so."""
        return owner in self.gone

    def config(self, path: str, *, required: bool) -> Config:
        """Return the settings."""
        return self.settings

    def measure(self, request: EvidenceRequest) -> Evidence:
        """Nothing can be measured here."""
        raise EvidenceError("There are no files.", cure="There are none here.")

    def lacking(self, config: Config) -> tuple[Finding, ...]:
        """Nothing is installed here, and nothing is missed."""
        return ()

    def validate(self, paths: Sequence[str]) -> tuple[Finding, ...]:
        """Nothing can be read here."""
        return ()

    def survey(self) -> Snapshot:
        """There is no repository here."""
        return Snapshot()

    def ask(self, question: str) -> str:
        """Nobody answers."""
        return ""

    def registry(self, uri: str) -> ModelRegistry:
        """Return the registry; tests put a dead one here."""
        return self.fake_registry

    def ledger(self, uri: str) -> DeploymentLedger:
        """Return the ledger; tests put a dead one here."""
        return self.fake_ledger

    def records(self, uri: str) -> Server:
        """Return both."""
        return FakeRecords(self, uri)

    def site(self, config: Config, *, target: str, registry_uri: str) -> Site:
        """Return the target."""
        name, settings = config.target(target)
        alias = CHAMPION if len(config.targets) == 1 else f"{CHAMPION}-{name}"
        place = Place(
            target=name,
            model=config.model_name(""),
            slots=tuple(settings.slots),
            has_hook=bool(settings.hooks.deploy),
            alias=alias,
        )
        return Site(
            place=place,
            router=self._router(settings),
            source=self._source(settings),
            slots=self.fake_slots,
            clock=self.fake_clock,
            actor=self.who.actor,
            run_url=self.who.run_url,
            say=self.say,
            records=lambda: self.records(config.registry_uri(registry_uri)),
        )

    def _router(self, settings: TargetSettings) -> TrafficRouter:
        """Return the router in memory, or the one that a test has put into the wing's table."""
        chosen = settings.router
        if chosen.kind not in ROUTERS:
            return self.fake_router
        router: TrafficRouter = open_door(ROUTERS, chosen.kind).connect(chosen.settings, tuple(settings.slots))
        return router

    def _source(self, settings: TargetSettings) -> MetricSource:
        """Return the counters in memory, or the ones that a test has put into the wing's table."""
        if settings.metrics is None:
            return self.fake_source
        chosen = settings.metrics
        source: MetricSource = open_door(SOURCES, chosen.kind).connect(chosen.settings, tuple(settings.slots))
        return source


@dataclass
class FakeRecords:
    """What a world's registry has (registry.ports.Server)."""

    world: FakeWorld
    uri: str

    @property
    def registry(self) -> ModelRegistry:
        """Connect."""
        return self.world.registry(self.uri)

    @property
    def ledger(self) -> DeploymentLedger:
        """Connect."""
        return self.world.ledger(self.uri)

    @property
    def origins(self) -> ModelOrigins:
        """Connect."""
        return self.world.fake_origins
