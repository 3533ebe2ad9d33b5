"""The verdict as an in-toto statement: what others verify, sign and store says that these bytes passed this gate.

Statement v1 with the predicate test-result v0.1 (https://in-toto.io/attestation/test-result/v0.1). The same model,
verdict and run give the same bytes. By itself it is no more than the report; a signature is what a signer adds.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ml_cicd.ground.finding import Outcome
from ml_cicd.registry.gate_report import GateClaim
from ml_cicd.registry.registration import Candidate

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"


def statement(candidate: Candidate, gate: GateClaim) -> str:
    """Return what the gate said of the candidate's bytes, as JSON."""
    data = {
        "_type": STATEMENT,
        "subject": [{"name": candidate.name, "digest": _digest(candidate.digest)}],
        "predicateType": PREDICATE,
        "predicate": _predicate(candidate, gate),
    }
    return json.dumps(data, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _predicate(candidate: Candidate, gate: GateClaim) -> dict[str, object]:
    findings = json.loads(gate.text)["findings"]  # our own text: written from a record that was checked
    passed = [found["rule"] for found in findings if found["outcome"] == Outcome.PASS]
    good = "WARNED" if gate.warnings else "PASSED"
    predicate: dict[str, object] = {
        "result": good if gate.outcome is Outcome.PASS else "FAILED",
        "configuration": list(_configuration(candidate, gate)),
        "passedTests": passed,
        "warnedTests": list(gate.warnings),
        "failedTests": list(gate.blocking),
    }
    return predicate | ({"url": candidate.run_url} if candidate.run_url else {})


def _configuration(candidate: Candidate, gate: GateClaim) -> Iterator[Mapping[str, object]]:
    """What the verdict rests on, each by its digest: policy, evidence, the commit, and the verdict itself."""
    bindings: Mapping[str, Any] = json.loads(gate.text)["bindings"]
    yield {"name": "verdict", "digest": _digest(gate.digest)}
    if bindings.get("policy"):
        yield {"name": "policy", "digest": _digest(bindings["policy"])}
    for name, digest in sorted((bindings.get("data") or {}).items()):
        yield {"name": f"evidence/{name}", "digest": _digest(digest)}
    commit = gate.commit or candidate.commit
    if commit:
        yield {"name": "source", "digest": {"gitCommit": commit}}


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
