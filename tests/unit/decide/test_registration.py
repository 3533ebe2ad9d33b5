"""Who may be registered."""

import json
from dataclasses import replace

import pytest

from ml_cicd.decide.registration import Candidate, check_names, claim_of, plan, read_gate_report
from ml_cicd.domain.operation import RegisterVersion, SetAlias
from ml_cicd.domain.policy import Severity
from ml_cicd.domain.report import Report
from ml_cicd.domain.verdict import Bindings, Finding, Outcome, Verdict, canonical_digest
from ml_cicd.errors import EvidenceError, Exit, InputError, IntegrityError, MlCicdError, NotPassing
from ml_cicd.render.json_v1 import to_json

FINDING = Finding(
    rule="accuracy", outcome=Outcome.PASS, severity=Severity.BLOCK, demand=">= 0.9", reason="holds", value=0.95, n=100
)
VERDICT = Verdict(
    outcome=Outcome.PASS,
    findings=(FINDING,),
    bindings=Bindings(model="sha256:m", data={"predictions": "sha256:d"}, policy="sha256:p", commit="abc"),
)
CANDIDATE = Candidate(
    name="digits",
    alias="challenger",
    folder="model",
    digest="sha256:m",
    violations=(),
    commit="abc",
    run_url="http://run",
)


def report(verdict: Verdict | None = VERDICT, command: str = "quality-gate") -> str:
    """A report as the gate writes it."""
    made = Report(command=command, exit_code=Exit.DONE, headline="It says so.", outputs={}, verdict=verdict)
    return to_json(made, tool_version="0", outputs={})


def test_a_report_reads_as_the_verdict_it_holds() -> None:
    """Report file and verdict in memory make the same claim, so both faces register alike."""
    assert read_gate_report(report(), "r") == claim_of(VERDICT)


def test_plan_registers_then_points_the_alias() -> None:
    """A passing verdict for these bytes gives one version with all its tags, then the alias."""
    register, alias = plan(CANDIDATE, claim_of(VERDICT))
    assert isinstance(register, RegisterVersion)
    assert alias == SetAlias(name="digits", alias="challenger", version="")
    assert register.key == f"sha256:m:{VERDICT.digest}"
    assert register.tags["mlcicd.git_sha"] == "abc"
    assert register.tags["mlcicd.gate_digest"] == VERDICT.digest
    assert canonical_digest(json.loads(register.tags["mlcicd.gate_report"])) == VERDICT.digest
    assert all(register.tags.values())


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.MISSING, Outcome.ERROR])
def test_anything_but_a_pass_is_refused(outcome: Outcome) -> None:
    """Only a pass registers; the refusal names the rules."""
    verdict = replace(VERDICT, outcome=outcome, findings=(replace(FINDING, outcome=outcome),))
    with pytest.raises(NotPassing, match="accuracy"):
        plan(CANDIDATE, read_gate_report(report(verdict), "r"))


def test_a_report_without_verdict_is_refused() -> None:
    """A gate that broke down did not pass anything."""
    with pytest.raises(NotPassing, match="It says so"):
        read_gate_report(report(None), "r")


def test_other_bytes_are_refused() -> None:
    """A verdict speaks only of the bytes it names."""
    with pytest.raises(IntegrityError, match="sha256:other"):
        plan(replace(CANDIDATE, digest="sha256:other"), claim_of(VERDICT))


def test_an_unbound_verdict_is_refused() -> None:
    """A gate run without the model says nothing of any model."""
    verdict = replace(VERDICT, bindings=replace(VERDICT.bindings, model=""))
    with pytest.raises(IntegrityError, match="bound to no model"):
        plan(CANDIDATE, read_gate_report(report(verdict), "r"))


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
    assert read_gate_report(report(replace(VERDICT, findings=(FINDING, warned))), "r").outcome is Outcome.PASS


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
        "[" * 100_000,
        report(command="canary"),
    ],
)
def test_what_is_no_gate_report_is_refused(text: str) -> None:
    """Other files, other versions and broken ones are unusable evidence, with a cure."""
    with pytest.raises(EvidenceError) as caught:
        read_gate_report(text, "r")
    assert "quality-gate" in caught.value.cure


def test_another_commit_is_refused() -> None:
    """The verdict speaks of a commit; unknown ones on either side are not compared."""
    with pytest.raises(IntegrityError, match="judged commit abc, but this is def"):
        plan(replace(CANDIDATE, commit="def"), claim_of(VERDICT))
    assert plan(replace(CANDIDATE, commit=""), claim_of(VERDICT))


def test_a_model_that_could_run_code_is_refused() -> None:
    """A passing gate does not make a pickle safe to load."""
    with pytest.raises(InputError, match="could run code: its loader is 'evil'"):
        plan(replace(CANDIDATE, violations=("its loader is 'evil'",)), claim_of(VERDICT))


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("digits--deployments", "a"),
        ("digits", "champion"),
        ("digits", "latest"),
        ("digits", "v3"),
        ("digits", "a b"),
        ("digits", "Champion"),
        ("digits", "champion\n"),
        ("digits--Deployments", "a"),
        ("digits\n", "a"),
        ("a/b", "a"),
        ("", "a"),
    ],
)
def test_names_that_mean_something_else_are_refused(name: str, alias: str) -> None:
    """Ledgers, the champion's alias and MLflow's own words are not for registration."""
    with pytest.raises(MlCicdError):
        check_names(name, alias)
