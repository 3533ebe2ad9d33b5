"""What is believed of a gate report."""

import json
from dataclasses import dataclass, replace

import pytest

from ml_cicd.ground.errors import EvidenceError, IntegrityError, NotPassing
from ml_cicd.ground.finding import Finding, Outcome, Severity, Verdict
from ml_cicd.registry.gate_report import claim_of, read_gate_report
from tests.registry.gate_reports import FINDING, RUN, VERDICT, report


def test_a_report_reads_as_the_verdict_it_holds() -> None:
    """Report file and verdict in memory make the same claim, so both faces register alike."""
    assert read_gate_report(report(), "r") == claim_of(VERDICT, RUN)


def test_a_report_without_verdict_is_refused() -> None:
    """A gate that broke down did not pass anything."""
    with pytest.raises(NotPassing, match="It says so"):
        read_gate_report(report(None), "r")


@pytest.mark.parametrize(("old", "new"), [('"sha256:m"', '"sha256:x"'), ("0.95", "0.99"), ('"holds"', '"held"')])
def test_a_changed_report_is_refused(old: str, new: str) -> None:
    """Any edit of the verdict breaks its digest."""
    text = report()
    assert old in text
    with pytest.raises(IntegrityError, match="digest"):
        read_gate_report(text.replace(old, new), "r")


def test_a_pass_that_contradicts_its_findings_is_refused() -> None:
    """A hand-made verdict with a right digest still has to agree with its own findings."""
    for findings in ((), (replace(FINDING, outcome=Outcome.FAIL),)):
        with pytest.raises(IntegrityError, match="not every blocking rule"):
            read_gate_report(report(replace(VERDICT, findings=findings)), "r")


def test_a_warning_does_not_block() -> None:
    """A rule that only warns leaves a pass a pass."""
    warned = replace(FINDING, rule="latency", outcome=Outcome.FAIL, severity=Severity.WARN)
    through = replace(VERDICT, findings=(FINDING, warned))
    claim = read_gate_report(report(through), "r")
    assert (claim.outcome, claim.warnings) == (Outcome.PASS, ("latency",))
    assert claim == claim_of(through, RUN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"schema": "ml-cicd/report/v2", "command": "quality-gate"}',
        '{"schema": "ml-cicd/report/v1", "command": "quality-gate", "verdict": 1}',
        '{"schema": "ml-cicd/report/v1", "command": "quality-gate", "verdict": {"digest": "x", "value": NaN}}',
        '{"schema": "ml-cicd/report/v1", "command": "quality-gate", "verdict": {}}',
        '{"schema": "ml-cicd/report/v1", "command": "quality-gate", "verdict": {"format": "ml-cicd/verdict/v1"}}',
        "[" * 100_000,
        report(command="canary"),
    ],
)
def test_what_is_no_gate_report_is_refused(text: str) -> None:
    """Other files, other versions and broken ones are unusable evidence, with a cure."""
    with pytest.raises(EvidenceError) as caught:
        read_gate_report(text, "r")
    assert "quality-gate" in caught.value.cure


@pytest.mark.parametrize("format_", ["ml-cicd/verdict/v2", "", None, 1])
def test_another_format_is_refused_by_its_name(format_: object) -> None:
    """What another version calls a verdict is not guessed at, even where its digest would be right."""
    stated = json.loads(report())
    stated["verdict"]["format"] = format_
    with pytest.raises(EvidenceError, match="this version reads 'ml-cicd/verdict/v1'") as caught:
        read_gate_report(json.dumps(stated), "r")
    assert not isinstance(caught.value, IntegrityError)
    assert "quality-gate" in caught.value.cure


def test_an_older_report_is_refused_by_its_format() -> None:
    """A verdict from before there were formats names none."""
    stated = json.loads(report())
    del stated["verdict"]["format"]
    with pytest.raises(EvidenceError, match="its format is nothing"):
        read_gate_report(json.dumps(stated), "r")


@dataclass(frozen=True, kw_only=True, slots=True)
class LaterFinding(Finding):
    """A finding as a later version may know it."""

    p_value: float = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class LaterVerdict(Verdict):
    """A verdict as a later version may know it."""

    judged_at: str = "2030-01-01T00:00:00Z"


def test_the_verdicts_digest_is_pinned() -> None:
    """Digests lie in registries and ledgers: fields that a later version adds to its classes do not change them."""
    pinned = "sha256:3cf9594708dfd163a825b738782addf34d707b3bba61008d0869fcdcc52a7e0f"
    later = LaterFinding(**{name: getattr(FINDING, name) for name in Finding.__dataclass_fields__})
    assert VERDICT.digest == pinned
    assert replace(VERDICT, findings=(later,)).digest == pinned
    assert LaterVerdict(outcome=VERDICT.outcome, findings=(later,), bindings=VERDICT.bindings).digest == pinned
    assert claim_of(VERDICT).digest == pinned


def test_a_report_on_disk_is_read_for_ever() -> None:
    """The smallest report, written out: format, digest and all."""
    verdict = (
        '{"bindings": {"commit": "", "data": {}, "model": "sha256:m", "policy": ""}, '
        '"findings": [{"outcome": "pass", "rule": "accuracy"}], '
        '"format": "ml-cicd/verdict/v1", "outcome": "pass"}'
    )
    digest = "sha256:08acf12708d785b25a587a2d2d83717671a58ad2f3f4d7972543642f38ac1f45"
    with_digest = f'{verdict[:-1]}, "digest": "{digest}"}}'
    text = f'{{"schema": "ml-cicd/report/v1", "command": "quality-gate", "verdict": {with_digest}}}'
    claim = read_gate_report(text, "r")
    assert (claim.outcome, claim.model, claim.digest, claim.text) == (Outcome.PASS, "sha256:m", digest, verdict)
