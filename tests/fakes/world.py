"""A whole world in memory: configuration, registry, ledger, router, slots, clock."""

from dataclasses import dataclass, field
from functools import cached_property

from ml_cicd.domain.config import (
    CanaryConfig,
    CanaryInconclusive,
    Config,
    EvidenceConfig,
    GateConfig,
    RouterConfig,
    TargetConfig,
)
from ml_cicd.domain.model import TAG_DIGEST, TAG_GATE_DIGEST, TAG_GATE_VERDICT, ModelVersion
from ml_cicd.wiring import RealWorld
from tests.fakes.registry import FakeLedger, FakeRegistry
from tests.fakes.traffic import FakeClock, FakeRouter, FakeSlots

MODEL = "digits"

GATE = GateConfig(
    thresholds={"accuracy": 0.95},
    versus_champion={},
    confidence=0.95,
    when_inconclusive="fail",
    when_no_champion="first_release",
)
CANARY = CanaryConfig(
    steps=(500, 5000),
    error_margin=0.05,
    false_rollback_rate=0.05,
    false_promotion_rate=0.05,
    deadline=600,
    interval=5,
    lease=60,
    warm_up=0,
    minimum_duration=20,
    minimum_requests=100,
    when_inconclusive=CanaryInconclusive.ROLLBACK,
)
TARGET = TargetConfig(
    name="production",
    router=RouterConfig(kind="haproxy", socket="h.sock", map="split.map"),
    slots={"blue": "http://127.0.0.1:1", "green": "http://127.0.0.1:2"},
    deploy=("deploy",),
)
CONFIG = Config(
    model=MODEL,
    evidence=EvidenceConfig(),
    gate=GATE,
    registry_uri="sqlite:///r.db",
    targets={TARGET.name: TARGET},
    canary=CANARY,
    path="ml-cicd.yml",
    digest="sha256:0",
)


def digest_of(version: str) -> str:
    """Return the payload digest that a version has here."""
    return f"sha256:{int(version):064x}"


@dataclass
class FakeWorld(RealWorld):
    """ports.World in memory. A request comes to the router as often as `rate` says, in requests a second.

    `failing` is the share of requests that a version fails; deterministic, so that counts are exact.
    """

    settings: Config = CONFIG
    rate: int = 200
    failing: dict[str, float] = field(default_factory=dict)
    fake_registry: FakeRegistry = field(default_factory=FakeRegistry)
    fake_ledger: FakeLedger = field(default_factory=FakeLedger)
    fake_slots: FakeSlots = field(default_factory=FakeSlots)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Wire the clock to the traffic."""
        super().__init__({"GITHUB_ACTOR": "ann"}, self.lines.append)
        self.fake_clock = FakeClock(each_second=self._one_second)
        self.fake_router = FakeRouter(self.fake_clock)
        self._owed = {"blue": 0.0, "green": 0.0}

    def _one_second(self) -> None:
        """Serve one second's requests as the router splits them."""
        split, now = self.fake_router.split, self.fake_clock.now()
        share = split.threshold / 10_000 if split.lease > now else 0.0
        for slot, part in ((split.candidate, share), (split.champion, 1 - share)):
            requests = round(self.rate * part)
            version = self.fake_slots.holds.get(slot, ("", ""))[0]
            self._owed[slot] += requests * self.failing.get(version, 0.0)
            errors = int(self._owed[slot])
            self._owed[slot] -= errors
            self.fake_router.serve(slot, requests, errors)

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
        return self.fake_slots.holds[self.fake_router.split.champion][0]

    def standby(self) -> str:
        """Version in the idle slot."""
        return self.fake_slots.holds.get(self.fake_router.split.candidate, ("", ""))[0]

    def record(self) -> list[tuple[str, str, str]]:
        """Ledger entries as (what, about which version, who serves after)."""
        entries = self.fake_ledger.read(MODEL).entries
        return [(e.op.value, e.candidate, e.champion) for e in entries]

    def config(self, path: str, *, required: bool) -> Config:
        """Return the settings."""
        return self.settings

    def registry(self, uri: str) -> FakeRegistry:
        """Return the registry."""
        return self.fake_registry

    def ledger(self, uri: str) -> FakeLedger:
        """Return the ledger."""
        return self.fake_ledger

    def router(self, target: TargetConfig) -> FakeRouter:
        """Return the router."""
        return self.fake_router

    def slots(self, target: TargetConfig) -> FakeSlots:
        """Return the slots."""
        return self.fake_slots

    @cached_property
    def clock(self) -> FakeClock:
        """Return the clock."""
        return self.fake_clock
