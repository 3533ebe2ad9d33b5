"""What is demanded of a candidate."""

from dataclasses import dataclass
from enum import StrEnum

from ml_cicd.domain.metric import Direction, Metric
from ml_cicd.errors import InputError

SURE = 0.5


class Severity(StrEnum):
    """Whether a rule that does not pass stops the candidate."""

    BLOCK = "block"
    WARN = "warn"


class WhenInconclusive(StrEnum):
    """What an inconclusive finding means."""

    FAIL = "fail"
    WARN = "warn"


class WhenNoChampion(StrEnum):
    """What the absence of a champion means."""

    FAIL = "fail"
    FIRST_RELEASE = "first_release"


class Scope(StrEnum):
    """What a threshold bounds: the candidate alone, or its difference to the champion."""

    VALUE = "value"
    CHANGE = "change"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One demand. `threshold` is in the metric's unit.

    Scope VALUE: the value must be at least (higher is better) or at most (lower is better) `threshold`.
    Scope CHANGE: the candidate may be worse than the champion by at most `threshold` (the margin, >= 0).
    """

    metric: Metric
    scope: Scope
    threshold: float
    severity: Severity

    @property
    def name(self) -> str:
        """Name in findings and outputs."""
        return self.metric.name if self.scope is Scope.VALUE else f"{self.metric.name} versus champion"

    @property
    def demand(self) -> str:
        """The demand as people read it."""
        if self.scope is Scope.CHANGE:
            return f"at most {self.threshold:g} worse"
        sign = ">=" if self.metric.direction is Direction.HIGHER else "<="
        return f"{sign} {self.threshold:g}{' ' if self.metric.unit else ''}{self.metric.unit}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Rules and their settings. `confidence` is one-sided: each bound is wrong with probability 1 - confidence."""

    rules: tuple[Rule, ...]
    confidence: float
    when_inconclusive: WhenInconclusive
    when_no_champion: WhenNoChampion

    def __post_init__(self) -> None:
        """Refuse a policy that demands nothing: it would pass anything."""
        if not self.rules:
            raise InputError("The policy has no rule, so it would pass anything.", cure="Give at least one threshold.")
        if all(rule.severity is Severity.WARN for rule in self.rules):
            raise InputError(
                "Every rule of the policy only warns, so it would pass anything.", cure="Let at least one rule block."
            )
        if not SURE < self.confidence < 1:
            raise InputError(f"gate.confidence is {self.confidence}.", cure="Choose a value between 0.5 and 1.")
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise InputError("The policy has two rules of one name.", cure="Remove one of them.")

    @property
    def compares(self) -> bool:
        """Whether any rule needs a champion."""
        return any(rule.scope is Scope.CHANGE for rule in self.rules)
