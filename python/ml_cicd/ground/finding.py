"""One judgement's outcome with its reason, and the worst of several: the same for every command that judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from ml_cicd.ground.digest import canonical_digest

VERDICT_FORMAT = "ml-cicd/verdict/v1"


class Outcome(StrEnum):
    """What can be said of one rule."""

    PASS = "pass"  # noqa: S105  # not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    MISSING = "missing"
    ERROR = "error"


BADNESS = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL, Outcome.MISSING, Outcome.ERROR)


class Severity(StrEnum):
    """Whether a rule that does not pass stops the candidate."""

    BLOCK = "block"
    WARN = "warn"


class Scope(StrEnum):
    """What a rule bounds: the candidate alone, or its difference to the champion."""

    VALUE = "value"
    CHANGE = "change"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is judged: the key of rules, samples, absences and findings. The empty slice is all rows."""

    metric: str
    scope: Scope = Scope.VALUE
    slice: str = ""

    @property
    def name(self) -> str:
        """Name in findings and outputs."""
        where = f" on {self.slice}" if self.slice else ""
        return f"{self.metric}{where}{' versus champion' if self.scope is Scope.CHANGE else ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One rule's outcome. Bounds are one-sided at the policy's confidence; None where there is none.

    Attributes:
        subject: what was judged; None for a check that measures nothing.
        limit: number that the bounds are compared with: the threshold, or minus the margin of a comparison.
        point: the value was judged as it stands, without bounds, so chance is not accounted for.
        unit: of value, bounds and limit.
        rows_needed: on inconclusive findings, about how many rows would settle the matter.
        cure: what to do about this finding alone.
    """

    rule: str
    outcome: Outcome
    reason: str
    severity: Severity = Severity.BLOCK
    subject: Subject | None = None
    demand: str = ""
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    point: bool = False
    limit: float | None = None
    unit: str = ""
    n: int | None = None
    rows_needed: int | None = None
    cure: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this finding stops the candidate."""
        return self.severity is Severity.BLOCK and self.outcome is not Outcome.PASS

    @property
    def warns(self) -> bool:
        """Whether it does not pass, and is let through."""
        return self.outcome is not Outcome.PASS and not self.blocks


@dataclass(frozen=True, kw_only=True, slots=True)
class Bindings:
    """Digests that a verdict names; empty where a thing was not given."""

    model: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    commit: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The worst of the blocking findings, bound to the bytes it speaks of. Truthy only on pass.

    `notes` say what was decided for the user while the evidence was read; the digest does not cover them.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    bindings: Bindings = Bindings()  # frozen
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Only a pass counts."""
        return self.outcome is Outcome.PASS

    @property
    def blocking(self) -> tuple[str, ...]:
        """Names of the rules that stop the candidate."""
        return tuple(finding.rule for finding in self.findings if finding.blocks)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Names of the rules that do not pass and are let through."""
        return tuple(finding.rule for finding in self.findings if finding.warns)

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of the record: the same bytes in give the same digest."""
        return canonical_digest(verdict_record(self))


def verdict_record(verdict: Verdict) -> dict[str, object]:
    """Return what the digest covers, field by field: what a later version adds to a class does not change it."""
    bindings = verdict.bindings
    return {
        "format": VERDICT_FORMAT,
        "outcome": verdict.outcome.value,
        "findings": [_finding_record(finding) for finding in verdict.findings],
        "bindings": {
            "model": bindings.model,
            "data": dict(bindings.data),
            "policy": bindings.policy,
            "commit": bindings.commit,
        },
    }


def _finding_record(found: Finding) -> dict[str, object]:
    subject = found.subject
    return {
        "rule": found.rule,
        "subject": subject and {"metric": subject.metric, "scope": subject.scope.value, "slice": subject.slice},
        "outcome": found.outcome.value,
        "severity": found.severity.value,
        "demand": found.demand,
        "reason": found.reason,
        "value": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "point": found.point,
        "limit": found.limit,
        "unit": found.unit,
        "n": found.n,
        "rows_needed": found.rows_needed,
        "cure": found.cure,
    }


@runtime_checkable
class Examined(Protocol):
    """What can also say whether its own surroundings are in order; a door may leave it out."""

    def examine(self) -> tuple[Finding, ...]:
        """Return one finding for each thing looked at; never raises for what a finding can say."""


def remark(rule: str, reason: str, cure: str) -> Finding:
    """Return what somebody should know, and what stops nothing."""
    return Finding(rule=rule, outcome=Outcome.INCONCLUSIVE, severity=Severity.WARN, reason=reason, cure=cure)


def broken(rule: str, reason: str, cure: str) -> Finding:
    """Return what must be mended."""
    return Finding(rule=rule, outcome=Outcome.ERROR, reason=reason, cure=cure)


def worst(findings: tuple[Finding, ...]) -> Outcome:
    """Return the worst outcome of the blocking findings; none at all is an error, never a pass."""
    if not findings:
        return Outcome.ERROR
    return max((f.outcome for f in findings if f.severity is Severity.BLOCK), key=BADNESS.index, default=Outcome.PASS)
