"""Judges a candidate: per rule find the sample, bound it, compare with the threshold, say why."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from ml_cicd.domain.evidence import Evidence
from ml_cicd.domain.metric import Direction
from ml_cicd.domain.policy import Policy, Rule, Scope, Severity, WhenInconclusive, WhenNoChampion
from ml_cicd.domain.sample import Average, Estimate, FScore, Interval, Paired, Point, Proportion, Quantile, Sample
from ml_cicd.domain.verdict import Bindings, Finding, Outcome, Verdict, worst
from ml_cicd.errors import EvidenceError
from ml_cicd.stats.comparison import pairs_needed, tango_bounds
from ml_cicd.stats.intervals import (
    clopper_pearson,
    f_score_bounds,
    normal_bounds,
    order_statistic_ranks,
    rows_needed_by_width,
    rows_needed_proportion,
    smallest,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A sample with its bounds. `needed` gives the rows that would settle a threshold; None where rows are unknown."""

    value: float
    lower: float | None
    upper: float | None
    n: int | None
    how: str
    needed: Callable[[float], int | None] | None = None


def judge(policy: Policy, evidence: Evidence, bindings: Bindings) -> Verdict:
    """Return the verdict: the worst of the blocking findings.

    Each bound is one-sided at the policy's confidence: pass when the near bound is on the good side of the threshold,
    fail when the far bound is on the bad side, else inconclusive. A pass of several rules needs every one of them, so
    no correction is due (intersection-union).
    """
    findings = tuple(_finding(rule, policy, evidence) for rule in policy.rules)
    return Verdict(outcome=worst(findings), findings=findings, bindings=bindings)


def _finding(rule: Rule, policy: Policy, evidence: Evidence) -> Finding:
    key = (rule.scope, rule.metric.name)
    sample = evidence.samples.get(key)
    if sample is None:
        return _missing(rule, policy, evidence)
    judged = bounded(sample, 1 - policy.confidence)
    limit = -rule.threshold if rule.scope is Scope.CHANGE else rule.threshold
    outcome = compare(judged, limit, rule.metric.direction)
    finding = Finding(
        rule=rule.name,
        outcome=outcome,
        severity=rule.severity,
        demand=rule.demand,
        reason=_reason(judged, rule, outcome),
        value=judged.value,
        lower=judged.lower,
        upper=judged.upper,
        limit=limit,
        unit=rule.metric.unit,
        n=judged.n,
    )
    if outcome is not Outcome.INCONCLUSIVE:
        return finding
    severity = Severity.WARN if policy.when_inconclusive is WhenInconclusive.WARN else rule.severity
    needed = judged.needed(limit) if judged.needed else None
    return replace(finding, severity=severity, rows_needed=needed, reason=finding.reason + _advice(judged, needed))


def _missing(rule: Rule, policy: Policy, evidence: Evidence) -> Finding:
    first = rule.scope is Scope.CHANGE and not evidence.has_champion
    if first and policy.when_no_champion is WhenNoChampion.FIRST_RELEASE:
        severity, reason = Severity.WARN, "First release: there is no champion to compare with."
    elif first:
        severity = rule.severity
        reason = "There is no champion to compare with. Give the champion's predictions, or allow it for a first model."
    else:
        severity = rule.severity
        why = evidence.absent.get((rule.scope, rule.metric.name), "the evidence does not have it")
        reason = f"Not measured: {why}."
    return Finding(rule=rule.name, outcome=Outcome.MISSING, severity=severity, demand=rule.demand, reason=reason)


def compare(judged: Judged, limit: float, direction: Direction) -> Outcome:
    """Compare bounds with a limit that is itself good enough; a missing bound settles nothing."""
    if direction is Direction.HIGHER:
        near, far = judged.lower, judged.upper
        passes, fails = near is not None and near >= limit, far is not None and far < limit
    else:
        near, far = judged.upper, judged.lower
        passes, fails = near is not None and near <= limit, far is not None and far > limit
    if passes:
        return Outcome.PASS
    return Outcome.FAIL if fails else Outcome.INCONCLUSIVE


def bounded(sample: Sample, alpha: float) -> Judged:
    """Return estimate and one-sided bounds of a sample at level `alpha` each."""
    match sample:
        case Proportion():
            bounds = clopper_pearson(sample.successes, sample.n, alpha)
            return Judged(
                value=sample.value,
                lower=bounds.lower,
                upper=bounds.upper,
                n=int(sample.n),
                how="Clopper-Pearson",
                needed=lambda limit: rows_needed_proportion(sample.successes, sample.n, limit, alpha),
            )
        case FScore():
            return _f_score(sample, alpha)
        case Average():
            return _average(sample, alpha)
        case Paired():
            bounds = tango_bounds(sample.only_candidate, sample.only_champion, sample.n, alpha)
            return Judged(
                value=sample.value,
                lower=bounds.lower,
                upper=bounds.upper,
                n=sample.n,
                how="Tango's score interval on paired rows",
                needed=lambda limit: pairs_needed(sample.only_candidate, sample.only_champion, sample.n, -limit, alpha),
            )
        case Quantile():
            return _quantile(sample, alpha)
        case Estimate():
            bounds = normal_bounds(sample.value, sample.standard_error, alpha)
            return Judged(value=sample.value, lower=bounds.lower, upper=bounds.upper, n=None, how="normal bounds")
        case Interval():
            return Judged(value=sample.value, lower=sample.low, upper=sample.high, n=None, how="bounds as given")
        case Point():
            how = "judged as a point: no sample size was given, so chance is not accounted for"
            return Judged(value=sample.value, lower=sample.value, upper=sample.value, n=None, how=how)
        case _:
            assert_never(sample)


def _average(sample: Average, alpha: float) -> Judged:
    if sample.sparse:
        return Judged(value=sample.value, lower=None, upper=None, n=sample.n, how=sample.sparse)
    hits, size = sample.value * sample.effective_n, sample.effective_n
    bounds = clopper_pearson(hits, size, alpha)

    def needed(limit: float) -> int | None:
        rows = rows_needed_proportion(hits, size, limit, alpha)
        return None if rows is None else math.ceil(rows * sample.n / size)

    how = "Clopper-Pearson at the effective sample size"
    return Judged(value=sample.value, lower=bounds.lower, upper=bounds.upper, n=sample.n, how=how, needed=needed)


def _f_score(sample: FScore, alpha: float) -> Judged:
    errors = sample.false_positives + sample.false_negatives
    bounds = f_score_bounds(sample.true_positives, errors, alpha)

    def needed(limit: float) -> int | None:
        return rows_needed_proportion(sample.true_positives, sample.n, limit / (2 - limit), alpha)

    return Judged(
        value=sample.value,
        lower=bounds.lower,
        upper=bounds.upper,
        n=sample.n,
        how="exact, over rows positive by label or prediction",
        needed=needed,
    )


def _quantile(sample: Quantile, alpha: float) -> Judged:
    if abs(1 - sample.confidence - alpha) > 1e-9:
        raise EvidenceError("A quantile was bounded at another confidence than the policy's.", cure="Measure it again.")

    def needed(limit: float) -> int | None:
        bound = sample.upper if sample.value <= limit else sample.lower
        if bound is not None:
            return rows_needed_by_width(sample.n, sample.value, bound, limit)
        side = 1 if sample.value <= limit else 0
        return smallest(lambda n: order_statistic_ranks(n, sample.quantile, alpha)[side] is not None, sample.n)

    return Judged(
        value=sample.value,
        lower=sample.lower,
        upper=sample.upper,
        n=sample.n,
        how="order statistics",
        needed=needed,
    )


def _reason(judged: Judged, rule: Rule, outcome: Outcome) -> str:
    what = {
        Outcome.PASS: "holds even at the unfavourable bound",
        Outcome.FAIL: "is missed even at the favourable bound",
        Outcome.INCONCLUSIVE: "lies within the bounds",
    }[outcome]
    if judged.lower is None and judged.upper is None:
        what = "cannot be judged"
    elif judged.lower == judged.upper:
        what = "holds" if outcome is Outcome.PASS else "is missed"
    return f"'{rule.demand}' {what} ({judged.how})."


def _advice(judged: Judged, needed: int | None) -> str:
    if needed is not None and judged.n is not None:
        return f" About {needed:,} rows at the same rate would settle it; there are {judged.n:,}."
    if judged.lower is None and judged.upper is None:
        return " Evaluate on more rows of it."
    if judged.n is not None:
        return " The estimate is too close to the limit for any number of rows to settle it."
    return " Give a sample size or more rows."
