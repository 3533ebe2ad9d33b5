"""The configuration file as frozen data; the file's reader validates before it builds this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ml_cicd.domain.evidence import Columns
from ml_cicd.errors import InputError
from ml_cicd.parse import suggest

SET_VARIABLE = "Set it in the step's env."


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceConfig:
    """Where evidence lies; paths relative to the working directory."""

    predictions: str | None = None
    metrics: str | None = None
    champion: str | None = None
    columns: Columns = Columns()  # noqa: RUF009  # frozen


@dataclass(frozen=True, kw_only=True, slots=True)
class GateConfig:
    """The gate's part, still as written; `ml_cicd.decide.policy` reads it."""

    thresholds: Mapping[str, object]
    versus_champion: Mapping[str, object]
    confidence: float
    when_inconclusive: str
    when_no_champion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterConfig:
    """An HAProxy: its runtime socket and the map file that it reads at start."""

    kind: str
    socket: str
    map: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetConfig:
    """One place where models serve. `slots` maps slot name to base URL; `deploy` is an argument vector."""

    name: str
    router: RouterConfig
    slots: Mapping[str, str]
    deploy: tuple[str, ...]


class CanaryInconclusive(StrEnum):
    """What a passed deadline means."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    PROMOTE = "promote"


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryConfig:
    """The rollout's plan. Times in seconds; `steps` in 1/100 %, `error_margin` absolute."""

    steps: tuple[int, ...]
    error_margin: float
    false_rollback_rate: float
    false_promotion_rate: float
    deadline: float
    interval: float
    lease: float
    warm_up: float
    minimum_duration: float
    minimum_requests: int
    when_inconclusive: CanaryInconclusive


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A whole `ml-cicd.yml`. `digest` is over its meaning, not its bytes.

    `unset` are values of registry and targets whose variable is empty, by path, each with the sentence that says so.
    """

    model: str | None
    evidence: EvidenceConfig
    gate: GateConfig | None
    registry_uri: str | None
    targets: Mapping[str, TargetConfig]
    canary: CanaryConfig
    path: str
    digest: str
    unset: Mapping[str, str] = field(default_factory=dict)

    def target(self, name: str) -> TargetConfig:
        """Return the target called `name`; the empty name is the only one there is.

        Raises:
            InputError: unknown, more than one to choose from, or a variable that it reads is empty.
        """
        if not name and len(self.targets) == 1:
            name = next(iter(self.targets))
        if name in self.targets:
            self._refuse_unset(f"targets.{name}.")
            return self.targets[name]
        if not self.targets:
            raise InputError(f"{self.path} has no targets.", cure="Add targets.<name> with router and slots.")
        raise InputError(f"{self.path}: no target {name!r}.", cure=suggest(name, self.targets))

    def registry(self, asked: str) -> str:
        """Return the registry's address: the one asked for, else the file's.

        Raises:
            InputError: neither says one, or its variable is empty; there is no default, because MLflow's own
            depends on the current folder.
        """
        if asked:
            return asked
        self._refuse_unset("registry.")
        if self.registry_uri:
            return self.registry_uri
        raise InputError("No registry is given.", cure="Set registry-uri, or registry.uri in the configuration.")

    def model_name(self, asked: str) -> str:
        """Return the registered model's name: the one asked for, else the file's."""
        if asked or self.model:
            return asked or self.model or ""
        raise InputError("No model name is given.", cure="Set model-name, or model in the configuration.")

    def _refuse_unset(self, prefix: str) -> None:
        problem = next((text for path, text in self.unset.items() if path.startswith(prefix)), None)
        if problem is not None:
            raise InputError(problem, cure=SET_VARIABLE)
