"""One rule's outcome with its reason, and the worst of the findings."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from ml_cicd.domain.policy import Severity


class Outcome(StrEnum):
    """What can be said of one rule."""

    PASS = "pass"  # noqa: S105  # not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    MISSING = "missing"
    ERROR = "error"


BADNESS = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL, Outcome.MISSING, Outcome.ERROR)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One rule's outcome. Bounds are one-sided at the policy's confidence; None where there is none.

    `limit` is the number that the bounds are compared with: the threshold, or minus the margin of a comparison.
    `rows_needed` is set on inconclusive findings where a number of rows would settle the matter.
    `unit` belongs to value, bounds and limit.
    """

    rule: str
    outcome: Outcome
    severity: Severity
    demand: str
    reason: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int | None = None
    rows_needed: int | None = None

    @property
    def blocks(self) -> bool:
        """Whether this finding stops the candidate."""
        return self.severity is Severity.BLOCK and self.outcome is not Outcome.PASS


@dataclass(frozen=True, kw_only=True, slots=True)
class Bindings:
    """Digests that a verdict names; empty text where a thing was not given."""

    model: str
    data: Mapping[str, str]
    policy: str
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The worst of the blocking findings, bound to the bytes it speaks of. Truthy only on pass."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    bindings: Bindings

    def __bool__(self) -> bool:
        """Only a pass counts."""
        return self.outcome is Outcome.PASS

    @property
    def blocking(self) -> tuple[str, ...]:
        """Names of the rules that stop the candidate."""
        return tuple(finding.rule for finding in self.findings if finding.blocks)

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of the verdict: the same bytes in give the same digest."""
        return canonical_digest(asdict(self))


def worst(findings: tuple[Finding, ...]) -> Outcome:
    """Return the worst outcome of the blocking findings; none at all is an error, never a pass."""
    if not findings:
        return Outcome.ERROR
    return max((f.outcome for f in findings if f.severity is Severity.BLOCK), key=BADNESS.index, default=Outcome.PASS)


def canonical_digest(value: object) -> str:
    """Return `sha256:<hex>` over JSON with sorted keys and no spaces; NaN is refused."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
