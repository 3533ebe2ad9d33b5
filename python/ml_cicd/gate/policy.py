"""What is demanded of a candidate, and how it is read from what people write as thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.gate.metric import Direction, Metric, exact
from ml_cicd.gate.metrics.catalogue import CATALOGUE, lookup
from ml_cicd.gate.settings import Columns, GateSettings, Role, WhenInconclusive, WhenNoChampion
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Scope, Severity, Subject
from ml_cicd.ground.parse import as_mapping, as_number, as_text, describe, refuse_unknown, suggest

SURE = 0.5
POLICY_FORMAT = "ml-cicd/policy/v1"
COLUMNS = Columns()  # as they are called unless somebody says otherwise
BOUND = {"at_least": Direction.HIGHER, "at_most": Direction.LOWER}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One demand. `threshold` is in `unit`.

    Scope VALUE: the value must be at least (higher is better) or at most (lower is better) `threshold`.
    Scope CHANGE: the candidate may be worse than the champion by at most `threshold` (the margin, >= 0).
    """

    subject: Subject
    direction: Direction
    threshold: float
    severity: Severity = Severity.BLOCK
    unit: str = ""

    @property
    def name(self) -> str:
        """Name in findings and outputs."""
        return self.subject.name

    @property
    def limit(self) -> float:
        """The number that bounds are compared with: the threshold, or the margin on the worse side of no change."""
        if self.subject.scope is Scope.VALUE:
            return self.threshold
        return -self.threshold if self.direction is Direction.HIGHER else self.threshold

    @property
    def demand(self) -> str:
        """The demand as people read it."""
        unit = f" {self.unit}" if self.unit else ""
        if self.subject.scope is Scope.CHANGE:
            return f"at most {exact(self.threshold)}{unit} worse"
        sign = ">=" if self.direction is Direction.HIGHER else "<="
        return f"{sign} {exact(self.threshold)}{unit}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Rules and their settings.

    Attributes:
        confidence: one-sided: each bound is wrong with probability 1 - confidence.
        positive: the class that precision, recall and F1 are of; empty where none was named.
        columns: which column of a table is which: others hold other answers.
    """

    rules: tuple[Rule, ...]
    confidence: float
    when_inconclusive: WhenInconclusive
    when_no_champion: WhenNoChampion
    positive: str = ""
    columns: Columns = COLUMNS

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
        if len({rule.name for rule in self.rules}) < len(self.rules):
            raise InputError("The policy has two rules of one name.", cure="Remove one of them.")

    @property
    def wanted(self) -> frozenset[Subject]:
        """All that must be measured for it."""
        return frozenset(rule.subject for rule in self.rules)

    @property
    def compares(self) -> bool:
        """Whether any rule needs a champion."""
        return any(rule.subject.scope is Scope.CHANGE for rule in self.rules)


def build_policy(
    gate: GateSettings,
    *,
    thresholds: Mapping[str, object] | None,
    where: str,
    positive: str = "",
    columns: Columns = COLUMNS,
) -> Policy:
    """Build the policy; `thresholds` replaces the configuration's where it is given, and `where` names its source.

    Raises:
        InputError: nothing is demanded, a name is unknown, a bound is no finite number.
    """
    values = gate.thresholds if thresholds is None else thresholds
    source = "gate.thresholds" if thresholds is None else where
    rules = [value_rule(name, bound, f"{source}.{name}") for name, bound in values.items()]
    rules += [change_rule(name, bound, f"gate.versus_champion.{name}") for name, bound in gate.versus_champion.items()]
    if not rules:
        raise InputError(
            "The gate has no threshold, so it would pass anything.",
            cure="Give the input thresholds (e.g. 'accuracy: 0.95') or gate.thresholds in the configuration.",
        )
    return Policy(
        rules=tuple(rules),
        confidence=gate.confidence,
        when_inconclusive=gate.when_inconclusive,
        when_no_champion=gate.when_no_champion,
        positive=positive,
        columns=columns,
    )


def value_rule(name: str, bound: object, path: str) -> Rule:
    """Read one threshold: a bare number in the metric's known direction, or {at_least|at_most: x, severity: ...}."""
    if not name.strip() or not name.isprintable():
        raise InputError(f"{path}: {name!r} cannot be a metric's name.", cure="Write a name on one line.")
    if isinstance(bound, int | float) and not isinstance(bound, bool):
        return _value_rule(lookup(name), as_number(bound, path), Severity.BLOCK, path)
    if not isinstance(bound, Mapping):
        raise InputError(
            f"{path}: expected a number, found {describe(bound)}.",
            cure="Write a number, or {at_least|at_most: number, severity: block|warn}.",
        )
    parts = as_mapping(bound, path)
    refuse_unknown(parts, (*BOUND, "severity"), path)
    given = [key for key in BOUND if key in parts]
    if len(given) != 1:
        raise InputError(f"{path}: found both or none of at_least and at_most.", cure="Write one of them.")
    metric = lookup(name, BOUND[given[0]])
    return _value_rule(metric, as_number(parts[given[0]], path), _severity(parts, path), path)


def _value_rule(metric: Metric, threshold: float, severity: Severity, path: str) -> Rule:
    if threshold not in metric.range:
        raise InputError(f"{path}: {metric.range.fault(threshold)}.", cure=f"{metric.name} is {metric.range.words}.")
    subject = Subject(metric=metric.name)
    return Rule(subject=subject, direction=metric.direction, threshold=threshold, severity=severity, unit=metric.unit)


def change_rule(name: str, bound: object, path: str) -> Rule:
    """Read one margin: {margin: x, severity: ...}, x >= 0."""
    metric = CATALOGUE.get(name)
    if metric is None or metric.change is None:
        comparable = [known.name for known in CATALOGUE.values() if known.change is not None]
        why = "unknown metric." if metric is None else f"{name!r} cannot be compared with the champion yet."
        raise InputError(f"{path}: {why}", cure=suggest(name, comparable))
    parts = as_mapping(bound, path)
    refuse_unknown(parts, ("margin", "severity"), path)
    if "margin" not in parts:
        raise InputError(f"{path}: 'margin' is missing.", cure="Say how much worse is acceptable, e.g. {margin: 0.01}.")
    margin, width = as_number(parts["margin"], f"{path}.margin"), metric.range.width
    if not 0 <= margin < width:  # a margin as wide as the range would let anything pass
        raise InputError(
            f"{path}.margin is {exact(margin)}.", cure=f"Choose a value from 0 up to {exact(width)}, e.g. 0.01."
        )
    return Rule(
        subject=Subject(metric=name, scope=Scope.CHANGE),
        direction=metric.direction,
        threshold=margin,
        severity=_severity(parts, path),
        unit=metric.unit,
    )


def _severity(parts: Mapping[str, object], path: str) -> Severity:
    text = as_text(parts.get("severity", Severity.BLOCK.value), f"{path}.severity")
    if text not in set(Severity):
        raise InputError(f"{path}.severity: {text!r} is unknown.", cure=suggest(text, list(Severity)))
    return Severity(text)


def policy_record(policy: Policy) -> dict[str, object]:
    """Return what the digest of a policy covers, field by field: all that can change a verdict, and nothing else.

    Columns that have their usual names are left out, so that the digests of most policies stay what they were.
    """
    named = {role.value: policy.columns.named(role) for role in Role}
    renamed = {role: name for role, name in named.items() if name != COLUMNS.named(Role(role))}
    return {
        "format": POLICY_FORMAT,
        "confidence": policy.confidence,
        "when_inconclusive": policy.when_inconclusive.value,
        "when_no_champion": policy.when_no_champion.value,
        "positive": policy.positive,
        "rules": [
            {
                "metric": rule.subject.metric,
                "scope": rule.subject.scope.value,
                "slice": rule.subject.slice,
                "direction": rule.direction.value,
                "threshold": rule.threshold,
                "severity": rule.severity.value,
            }
            for rule in policy.rules
        ],
        **({"columns": renamed} if renamed else {}),
    }
