"""The cheapest rollout that is still one: two steps, three looks each, and evidence that anybody can count."""

from dataclasses import dataclass
from typing import ClassVar

from ml_cicd.config import Config
from ml_cicd.gate.settings import GateSettings, WhenNoChampion
from ml_cicd.registry.settings import RegistrySettings
from ml_cicd.registry.versions import TAG_DIGEST, TAG_GATE_DIGEST, TAG_GATE_VERDICT, ModelVersion, Release
from ml_cicd.rollout.guardrail import Guardrail, Levels, Proves, Window
from ml_cicd.rollout.settings import CanarySettings, HookSettings, SlotSettings, TargetSettings
from ml_cicd.settings import Chosen
from ml_cicd.stats.sequential import Counts

MODEL = "digits"
TARGET = "production"
STEPS = (1000, 5000)
LOOKS = 3
NEEDED = (100, 400)  # requests of the candidate, in all, that prove each step's margin
FAILURES = 3  # of the candidate, in all, that prove harm
INTERVAL, LEASE, DEADLINE = 5, 15, 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Evidence: requests that prove something, and failures."""

    requests: int = 0
    failures: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CountingGuardrail:
    """rollout.guardrail.Guardrail: so many failures are harm, so many requests are proof. Its statistics are tested
    elsewhere; here is tested what a rollout does with them.
    """

    name: str = "errors"
    harm_words: str = "the candidate fails"
    margins: tuple[float, ...] = ()
    nothing: Counts = Counts(nc=0, xc=0, nb=0, xb=0)  # noqa: RUF009  # frozen

    def start(self) -> Seen:
        """Nothing yet."""
        return Seen()

    def reading(self, candidate: Window, champion: Window) -> Counts:
        """Return what both arms did."""
        return Counts(
            nc=candidate.requests, xc=candidate.count("errors"), nb=champion.requests, xb=champion.count("errors")
        )

    def blind(self, seen: Counts, requests: int) -> None:
        """It sees everything."""

    def take_in(self, evidence: Seen, reading: Counts, proves: Proves) -> Seen:
        """Add it; what came after the lease proves nothing but harm."""
        requests = reading.nc if proves is Proves.ALL else 0
        return Seen(requests=evidence.requests + requests, failures=evidence.failures + reading.xc)

    def harm_log_e(self, evidence: Seen) -> float:
        """Return more than any cap, once there is harm."""
        return 100.0 if evidence.failures >= FAILURES else 0.0

    def safety(self, evidence: Seen, step: int) -> float:
        """Return how far the proof is."""
        return evidence.requests / NEEDED[step]

    def requests_needed(self, step: int, rate: float) -> int:
        """Return what the proof needs."""
        return NEEDED[step]

    def remark(self, evidence: Seen) -> str:
        """Say nothing."""
        return ""

    def served_words(self, served: Counts, candidate: str, champion: str) -> str:
        """Say it."""
        return f"{served.nc} requests"


@dataclass(frozen=True, kw_only=True, slots=True)
class CountingSettings:
    """Settings of the guardrail."""

    weight: ClassVar[float] = 1.0

    def named(self) -> dict[str, object]:
        """Return what decides."""
        return {"needed": list(NEEDED), "failures": FAILURES}

    def guardrail(self, levels: Levels) -> Guardrail:
        """Build it."""
        return CountingGuardrail()


CONFIG = Config(
    version=1,
    model=MODEL,
    gate=GateSettings(thresholds={"accuracy": 0.9}, when_no_champion=WhenNoChampion.FIRST_RELEASE),
    registry=RegistrySettings(uri="sqlite:///r.db"),
    targets={
        TARGET: TargetSettings(
            router=Chosen("memory", None),
            slots={"blue": SlotSettings(url="http://127.0.0.1:1"), "green": SlotSettings(url="http://127.0.0.1:2")},
            hooks=HookSettings(deploy=("deploy",)),
        )
    },
    canary=CanarySettings(
        steps=STEPS,
        guardrails={"errors": CountingSettings()},
        deadline=DEADLINE,
        interval=INTERVAL,
        lease=LEASE,
        warm_up=0,
        minimum_duration=0,
        minimum_requests=1,
    ),
    path="ml-cicd.yml",
)


def release_of(version: str) -> Release:
    """Return a version with its digest."""
    return Release(version=version, digest=f"sha256:{int(version):064x}")


def registered(version: str) -> ModelVersion:
    """Return a version that passed its gate."""
    tags = {TAG_DIGEST: release_of(version).digest, TAG_GATE_VERDICT: "pass", TAG_GATE_DIGEST: f"sha256:gate{version}"}
    return ModelVersion(name=MODEL, number=version, uri=f"models:/{MODEL}/{version}", tags=tags)


STRANGER = Release(version="99", digest="sha256:stranger")
VERSIONS = tuple(registered(str(number)) for number in range(1, 5))
