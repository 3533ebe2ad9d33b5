"""The statement: in-toto's structure, and all of it from the verdict."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from ml_cicd.ground.finding import Finding, Outcome, Severity
from ml_cicd.registry.gate_report import claim_of
from ml_cicd.registry.look import Look
from ml_cicd.registry.registration import Candidate
from ml_cicd.registry.statement import statement
from tests.registry.gate_reports import FINDING, RUN, VERDICT

MODEL, DATA, POLICY, COMMIT = "a" * 64, "b" * 64, "c" * 64, "d" * 40
CANDIDATE = Candidate(
    name="digits",
    alias="challenger",
    folder="model",
    digest=f"sha256:{MODEL}",
    look=Look(format="MLflow"),
    commit=COMMIT,
    run_url=RUN,
)
BOUND = replace(
    VERDICT,
    bindings=replace(
        VERDICT.bindings,
        model=f"sha256:{MODEL}",
        data={"predictions": f"sha256:{DATA}", "champion": f"sha256:{DATA}"},
        policy=f"sha256:{POLICY}",
        commit=COMMIT,
    ),
)
# As in-toto publishes them: spec/v1/statement.md, resource_descriptor.md, digest_set.md, predicates/test-result.md.
DIGESTS = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "gitCommit": {"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"},
    },
    "additionalProperties": False,
}
TEXTS = {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True}
DESCRIPTOR = {
    "type": "object",
    "required": ["name", "digest"],
    "properties": {"name": {"type": "string", "minLength": 1}, "digest": DIGESTS},
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "additionalProperties": False,
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": DESCRIPTOR},
        "predicateType": {"const": "https://in-toto.io/attestation/test-result/v0.1"},
        "predicate": {
            "type": "object",
            "required": ["result", "configuration"],
            "additionalProperties": False,
            "properties": {
                "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
                "configuration": {"type": "array", "items": DESCRIPTOR},
                "url": {"type": "string", "format": "uri"},
                "passedTests": TEXTS,
                "warnedTests": TEXTS,
                "failedTests": TEXTS,
            },
        },
    },
}
WARNING = Finding(rule="latency_p99_ms", outcome=Outcome.INCONCLUSIVE, reason="slow", severity=Severity.WARN)


def test_it_has_the_published_structure() -> None:
    """Statement v1 over the model's digest, test-result v0.1 with all that the verdict rests on."""
    made = json.loads(statement(CANDIDATE, claim_of(BOUND, RUN)))
    jsonschema.validate(made, SCHEMA)
    assert made["subject"] == [{"name": "digits", "digest": {"sha256": MODEL}}]
    assert made["predicate"] == {
        "result": "PASSED",
        "url": RUN,
        "passedTests": ["accuracy"],
        "warnedTests": [],
        "failedTests": [],
        "configuration": [
            {"name": "verdict", "digest": {"sha256": BOUND.digest.removeprefix("sha256:")}},
            {"name": "policy", "digest": {"sha256": POLICY}},
            {"name": "evidence/champion", "digest": {"sha256": DATA}},
            {"name": "evidence/predictions", "digest": {"sha256": DATA}},
            {"name": "source", "digest": {"gitCommit": COMMIT}},
        ],
    }


@pytest.mark.parametrize(
    ("found", "result", "warned", "failed"),
    [
        (WARNING, "WARNED", ["latency_p99_ms"], []),
        (replace(WARNING, severity=Severity.BLOCK), "FAILED", [], ["latency_p99_ms"]),
    ],
)
def test_the_result_is_the_verdicts(found: Finding, result: str, warned: list[str], failed: list[str]) -> None:
    """What only warns is a warning, and what blocks a failure; no rule stands in two lists."""
    outcome = Outcome.PASS if result == "WARNED" else Outcome.INCONCLUSIVE
    verdict = replace(BOUND, outcome=outcome, findings=(FINDING, found))
    predicate = json.loads(statement(CANDIDATE, claim_of(verdict, RUN)))["predicate"]
    assert (predicate["result"], predicate["passedTests"]) == (result, ["accuracy"])
    assert (predicate["warnedTests"], predicate["failedTests"]) == (warned, failed)


def test_the_same_verdict_gives_the_same_bytes() -> None:
    """And any other binding gives others."""
    one = statement(CANDIDATE, claim_of(BOUND, RUN))
    assert statement(replace(CANDIDATE, actor="bob", folder="elsewhere"), claim_of(BOUND, RUN)) == one
    for change in ({"policy": "sha256:" + "e" * 64}, {"data": {"predictions": "sha256:" + "e" * 64}}):
        other = replace(BOUND, bindings=replace(BOUND.bindings, **change))
        assert statement(CANDIDATE, claim_of(other, RUN)) != one
    assert '"url"' not in statement(replace(CANDIDATE, run_url=""), claim_of(BOUND))
