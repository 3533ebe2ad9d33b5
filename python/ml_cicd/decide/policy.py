"""From what people write as thresholds to a policy."""

from collections.abc import Mapping

from ml_cicd.domain.config import GateConfig
from ml_cicd.domain.metric import CATALOGUE, Direction, Metric, lookup
from ml_cicd.domain.policy import Policy, Rule, Scope, Severity, WhenInconclusive, WhenNoChampion
from ml_cicd.errors import InputError
from ml_cicd.parse import as_mapping, as_number, as_text, describe, refuse_unknown, suggest

BOUND = {"at_least": Direction.HIGHER, "at_most": Direction.LOWER}
COMPARABLE = ("accuracy",)


def build_policy(gate: GateConfig, *, thresholds: Mapping[str, object] | None, where: str) -> Policy:
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
        when_inconclusive=WhenInconclusive(gate.when_inconclusive),
        when_no_champion=WhenNoChampion(gate.when_no_champion),
    )


def value_rule(name: str, bound: object, path: str) -> Rule:
    """Read one threshold: a bare number in the metric's known direction, or {at_least|at_most: x, severity: ...}."""
    if isinstance(bound, int | float) and not isinstance(bound, bool):
        return _rule(lookup(name), Scope.VALUE, as_number(bound, path), Severity.BLOCK, path)
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
    direction = BOUND[given[0]]
    return _rule(lookup(name, direction), Scope.VALUE, as_number(parts[given[0]], path), _severity(parts, path), path)


def change_rule(name: str, bound: object, path: str) -> Rule:
    """Read one margin: {margin: x, severity: ...}, x >= 0."""
    if name not in COMPARABLE:
        known = name in CATALOGUE
        what = f"{path}: {name!r} cannot be compared with the champion yet." if known else f"{path}: unknown metric."
        raise InputError(what, cure=suggest(name, COMPARABLE))
    parts = as_mapping(bound, path)
    refuse_unknown(parts, ("margin", "severity"), path)
    if "margin" not in parts:
        raise InputError(f"{path}: 'margin' is missing.", cure="Say how much worse is acceptable, e.g. {margin: 0.01}.")
    margin = as_number(parts["margin"], f"{path}.margin")
    if not 0 <= margin < 1:
        raise InputError(f"{path}.margin is {margin}.", cure="Choose a value from 0 up to 1, e.g. 0.01.")
    return _rule(lookup(name), Scope.CHANGE, margin, _severity(parts, path), path)


def _rule(metric: Metric, scope: Scope, threshold: float, severity: Severity, path: str) -> Rule:
    if scope is Scope.VALUE and metric.bounded and not 0 <= threshold <= 1:
        raise InputError(f"{path}: {threshold:g} is outside 0 to 1.", cure=f"{metric.name} is a share, not percent.")
    return Rule(metric=metric, scope=scope, threshold=threshold, severity=severity)


def _severity(parts: Mapping[str, object], path: str) -> Severity:
    text = as_text(parts.get("severity", Severity.BLOCK.value), f"{path}.severity")
    if text not in set(Severity):
        raise InputError(f"{path}.severity: {text!r} is unknown.", cure=suggest(text, list(Severity)))
    return Severity(text)


def policy_mapping(policy: Policy) -> dict[str, object]:
    """Return the policy as plain data, for its digest."""
    return {
        "confidence": policy.confidence,
        "when_inconclusive": policy.when_inconclusive.value,
        "when_no_champion": policy.when_no_champion.value,
        "rules": [
            {
                "metric": rule.metric.name,
                "direction": rule.metric.direction.value,
                "scope": rule.scope.value,
                "threshold": rule.threshold,
                "severity": rule.severity.value,
            }
            for rule in policy.rules
        ],
    }
