"""What would settle a rule that the evidence left open: more rows, or a demand that these rows are enough for."""

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from ml_cicd.gate.metric import Direction, exact
from ml_cicd.gate.metrics.catalogue import lookup
from ml_cicd.gate.policy import Rule
from ml_cicd.gate.samples import Judged
from ml_cicd.ground.finding import Scope


def advice(judged: Judged, rule: Rule, needed: int | None) -> str:
    """Return one sentence; `needed` is about how many rows would settle the rule, None where nobody knows."""
    if judged.lower is None and judged.upper is None:
        return "Evaluate on more rows of it."
    loose = looser(judged, rule)
    if judged.n is None:
        return f"Give a sample size or more rows{f'; it is enough for {loose.demand!r}' if loose else ''}."
    have = f"these {judged.n:,} are enough for {loose.demand!r}" if loose else f"there are {judged.n:,}"
    if needed is None:
        return f"The estimate is too close to the limit for any number of {judged.counted} to settle it; {have}."
    if _deciding_bound(judged, rule) is None:
        return f"A bound on that side needs {needed:,} {judged.counted}; {have}."
    end = "" if _holds(judged, rule) else ", as a fail"
    return f"About {needed:,} {judged.counted} like these would settle it{end}; {have}."


def looser(judged: Judged, rule: Rule) -> Rule | None:
    """Return the rule with the limit that this evidence would pass, rounded to the loose side; None for no such limit.

    It is rounded by a tenth to a half of its distance to the rule's own limit: nobody would write it more precisely.
    """
    higher = rule.direction is Direction.HIGHER
    near = judged.lower if higher else judged.upper
    if near is None:
        return None
    step = Decimal(1).scaleb(Decimal(abs(near - rule.limit) / 2).adjusted())
    limit = float(Decimal(exact(near)).quantize(step, ROUND_FLOOR if higher else ROUND_CEILING))
    metric = lookup(rule.subject.metric, rule.direction).range
    if rule.subject.scope is Scope.VALUE:
        says_something = limit != 0 and metric.low < limit < metric.high
        return replace(rule, threshold=limit) if says_something else None
    return replace(rule, threshold=abs(limit)) if abs(limit) < metric.width else None


def _holds(judged: Judged, rule: Rule) -> bool:
    """Whether the estimate itself is on the good side."""
    return judged.value >= rule.limit if rule.direction is Direction.HIGHER else judged.value <= rule.limit


def _deciding_bound(judged: Judged, rule: Rule) -> float | None:
    """The bound that has to pass the limit: the near one where the estimate holds, else the far one."""
    lower = _holds(judged, rule) == (rule.direction is Direction.HIGHER)
    return judged.lower if lower else judged.upper
