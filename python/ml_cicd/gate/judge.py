"""Judges a candidate: per rule find the sample, bound it, compare with the limit, say why."""

from dataclasses import replace

from ml_cicd.gate.advice import advice
from ml_cicd.gate.evidence import Evidence
from ml_cicd.gate.metric import Direction, exact
from ml_cicd.gate.metrics.names import is_share
from ml_cicd.gate.policy import Policy, Rule
from ml_cicd.gate.samples import Judged
from ml_cicd.gate.settings import WhenInconclusive, WhenNoChampion
from ml_cicd.ground.finding import Bindings, Finding, Outcome, Scope, Severity, Verdict, worst

SENTENCES = {
    Outcome.PASS: "holds even at the unfavourable bound",
    Outcome.FAIL: "is missed even at the favourable bound",
    Outcome.INCONCLUSIVE: "lies within the bounds",
}


def judge(policy: Policy, evidence: Evidence, bindings: Bindings) -> Verdict:
    """Return the verdict: the worst of the blocking findings.

    Each bound is one-sided at the policy's confidence: pass when the near bound is on the good side of the threshold,
    fail when the far bound is on the bad side, else inconclusive. A pass of several rules needs every one of them, so
    no correction is due (intersection-union).
    """
    findings = tuple(_finding(rule, policy, evidence) for rule in policy.rules)
    return Verdict(outcome=worst(findings), findings=findings, bindings=bindings)


def _finding(rule: Rule, policy: Policy, evidence: Evidence) -> Finding:
    sample = evidence.samples.get(rule.subject)
    if sample is None:
        return _missing(rule, policy, evidence)
    judged = sample.bounded(1 - policy.confidence)
    if _in_percent(rule, judged.value):
        return _other_unit(rule, judged)
    outcome = compare(judged, rule.limit, rule.direction)
    finding = Finding(
        rule=rule.name,
        outcome=outcome,
        reason=_reason(judged, rule, outcome),
        severity=rule.severity,
        subject=rule.subject,
        demand=rule.demand,
        value=judged.value,
        lower=judged.lower,
        upper=judged.upper,
        point=judged.point,
        limit=rule.limit,
        unit=rule.unit,
        n=judged.n,
    )
    if outcome is not Outcome.INCONCLUSIVE:
        return finding
    severity = Severity.WARN if policy.when_inconclusive is WhenInconclusive.WARN else rule.severity
    needed = judged.needed(rule.limit)
    return replace(
        finding, severity=severity, rows_needed=needed, reason=f"{finding.reason} {advice(judged, rule, needed)}"
    )


def _in_percent(rule: Rule, value: float) -> bool:
    """Whether a file gives percent where the rule means a share: 94 would hold any threshold there is, 3 hold none."""
    return rule.threshold <= 1 < value and is_share(rule.subject.metric, rule.direction)


def _other_unit(rule: Rule, judged: Judged) -> Finding:
    return Finding(
        rule=rule.name,
        outcome=Outcome.ERROR,
        reason=f"{exact(judged.value)} is no share, and '{rule.demand}' asks for one.",
        severity=rule.severity,
        subject=rule.subject,
        demand=rule.demand,
        value=judged.value,
        cure="Write the threshold in percent if the value is in percent.",
    )


def _missing(rule: Rule, policy: Policy, evidence: Evidence) -> Finding:
    severity = rule.severity
    if rule.subject.scope is not Scope.CHANGE or evidence.has_champion:
        reason = f"Not measured: {evidence.absent.get(rule.subject, 'the evidence does not have it')}."
    elif policy.when_no_champion is WhenNoChampion.FIRST_RELEASE:
        severity, reason = Severity.WARN, "First release: there is no champion to compare with."
    else:
        reason = "There is no champion to compare with. Give the champion's predictions, or allow it for a first model."
    return Finding(
        rule=rule.name,
        outcome=Outcome.MISSING,
        reason=reason,
        severity=severity,
        subject=rule.subject,
        demand=rule.demand,
    )


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


def _reason(judged: Judged, rule: Rule, outcome: Outcome) -> str:
    what = SENTENCES[outcome]
    if judged.lower is None and judged.upper is None:
        what = "cannot be judged"
    elif judged.point:
        what = "holds" if outcome is Outcome.PASS else "is missed"
    return f"'{rule.demand}' {what} ({judged.how})."
