"""The public surface as a type checker sees it: mypy reads this, nobody runs it."""

from collections.abc import Iterable, Mapping
from typing import Any, assert_type

import ml_cicd
from ml_cicd import (
    EvidenceError,
    Finding,
    GateRefusal,
    InputError,
    IntegrityError,
    MlCicdError,
    NotPassing,
    Outcome,
    OutsideError,
    PartlyApplied,
    Registration,
    Verdict,
    model_quality_gate,
    register_if_passing,
)
from ml_cicd.gate.settings import WhenInconclusive
from ml_cicd.ground.errors import Exit

loader: Iterable[tuple[Any, Any]] = []
thresholds: Mapping[str, object] = {"accuracy": 0.95, "latency_p99_ms": {"at_most": 50, "severity": "warn"}}

assert_type(ml_cicd.__version__, str)

verdict = model_quality_gate(object(), loader, thresholds)
assert_type(verdict, Verdict)
assert_type(verdict.outcome, Outcome)
assert_type(verdict.findings, tuple[Finding, ...])
assert_type(verdict.blocking, tuple[str, ...])
assert_type(verdict.digest, str)
assert_type(verdict.notes, tuple[str, ...])
assert_type(bool(verdict), bool)
assert_type(verdict.findings[0].value, float | None)
assert_type(verdict.findings[0].rows_needed, int | None)

model_quality_gate(object(), loader, {"accuracy": 0.95}, confidence=0.99, when_inconclusive="warn")
model_quality_gate(object(), loader, {"accuracy": 0.95}, when_inconclusive=WhenInconclusive.WARN)
model_quality_gate(object(), ([[1.0]], [1]), {"accuracy": 0.95}, positive="yes", decision_threshold=0.5, labels="y")
model_quality_gate(object(), loader, {"accuracy": 0.95}, predict=lambda model, inputs: model(inputs), labels=1)
model_quality_gate(object(), loader, {"accuracy": 0.95}, predict=3)  # type: ignore[arg-type]  # a function
model_quality_gate(object(), loader, {"accuracy": 0.95}, labels=1.5)  # type: ignore[arg-type]  # a key or a place
model_quality_gate(object(), loader, {"accuracy": 0.95}, sample_weight=[])  # type: ignore[call-arg]  # not ignored
model_quality_gate(object(), loader, {"accuracy": 0.95}, 0.99)  # type: ignore[call-arg]  # named only
model_quality_gate(object(), loader, 0.95)  # type: ignore[arg-type]  # a mapping, never one bare number
model_quality_gate(object(), None, thresholds)  # type: ignore[arg-type]  # there is no gate without a loader

try:
    registration = register_if_passing(
        object(), {}, thresholds, "digits", test_loader=loader, registry_uri="sqlite:///r.db", alias="challenger"
    )
    assert_type(registration, Registration)
    assert_type(registration.version, str)
    assert_type(registration.uri, str)
    assert_type(registration.digest, str)
    assert_type(registration.created, bool)
    assert_type(registration.verdict, Verdict)
    registration.version = "2"  # type: ignore[misc]  # frozen
except GateRefusal as refusal:
    assert_type(refusal.verdict, Verdict)
    assert_type(refusal.exit_code, Exit)
except (InputError, EvidenceError, IntegrityError, OutsideError, NotPassing, PartlyApplied) as problem:
    assert_type(problem.what, str)
    assert_type(problem.cure, str)
except MlCicdError as problem:
    assert_type(problem.exit_code, Exit)
