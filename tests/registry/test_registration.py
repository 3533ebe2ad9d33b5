"""Who may be registered."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.errors import InputError, IntegrityError, MlCicdError, NotPassing
from ml_cicd.ground.finding import Finding, Outcome, Severity
from ml_cicd.registry.gate_report import claim_of, read_gate_report
from ml_cicd.registry.look import Look
from ml_cicd.registry.operations import RegisterVersion, SetAlias
from ml_cicd.registry.registration import LARGEST_TAG, Candidate, check_names, plan
from ml_cicd.registry.versions import CHALLENGER
from tests.registry.gate_reports import FINDING, RUN, VERDICT, report
from tests.registry.odd_names import ODD_NAMES

CANDIDATE = Candidate(
    name="digits",
    alias="challenger",
    folder="model",
    digest="sha256:m",
    look=Look(format="MLflow"),
    commit="abc",
    run_url=RUN,
)


def test_plan_registers_then_points_the_alias() -> None:
    """A passing verdict for these bytes gives one version with all its tags, then the alias."""
    register, alias, *others = plan(CANDIDATE, claim_of(VERDICT, RUN))
    assert others == []
    assert isinstance(register, RegisterVersion)
    assert alias == SetAlias(name="digits", alias="challenger", version=register.version)
    assert register.version.key == f"sha256:m:{VERDICT.digest}"
    assert register.version.tags["mlcicd.git_sha"] == "abc"
    assert register.version.tags["mlcicd.gate_digest"] == VERDICT.digest
    assert canonical_digest(json.loads(register.version.tags["mlcicd.gate_report"])) == VERDICT.digest
    assert all(register.version.tags.values())


@pytest.mark.parametrize(
    ("change", "is_same"),
    [({"value": 9.0}, True), ({"outcome": Outcome.INCONCLUSIVE, "reason": "slow"}, True), ({"limit": 90.0}, False)],
    ids=["another time", "another word for it", "another demand"],
)
def test_a_time_that_was_measured_anew_is_no_other_verdict(change: dict[str, Any], is_same: bool) -> None:
    """The key forgets what a clock said, in memory and in a report alike; the tags keep the verdict's own digest."""
    time = Finding(rule="latency_p99_ms", outcome=Outcome.PASS, reason="", value=8.0, unit="ms", severity=Severity.WARN)
    first, second = (replace(VERDICT, findings=(FINDING, found)) for found in (time, replace(time, **change)))
    keys = [plan(CANDIDATE, claim_of(verdict, RUN))[0].version.key for verdict in (first, second)]
    assert (keys[0] == keys[1]) is is_same
    assert keys == [plan(CANDIDATE, read_gate_report(report(v), "r"))[0].version.key for v in (first, second)]
    assert claim_of(first).digest != claim_of(second).digest


def test_a_report_too_large_for_a_tag_is_left_out() -> None:
    """The registry keeps the report's digest where it cannot keep the report."""
    claim = claim_of(VERDICT, RUN)
    gate = replace(claim, text=claim.text + " " * LARGEST_TAG)
    register = plan(CANDIDATE, gate)[0]
    assert "mlcicd.gate_report" not in register.version.tags
    assert register.version.tags["mlcicd.gate_digest"] == gate.digest


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.MISSING, Outcome.ERROR])
def test_anything_but_a_pass_is_refused(outcome: Outcome) -> None:
    """Only a pass registers; the refusal names the rules."""
    verdict = replace(VERDICT, outcome=outcome, findings=(replace(FINDING, outcome=outcome),))
    with pytest.raises(NotPassing, match="accuracy"):
        plan(CANDIDATE, read_gate_report(report(verdict), "r"))


def test_other_bytes_are_refused() -> None:
    """A verdict speaks only of the bytes it names."""
    with pytest.raises(IntegrityError, match="sha256:other"):
        plan(replace(CANDIDATE, digest="sha256:other"), claim_of(VERDICT, RUN))


def test_an_unbound_verdict_is_refused() -> None:
    """A gate run without the model says nothing of any model."""
    verdict = replace(VERDICT, bindings=replace(VERDICT.bindings, model=""))
    with pytest.raises(IntegrityError, match="bound to no model"):
        plan(CANDIDATE, read_gate_report(report(verdict), "r"))


def test_another_commit_is_refused() -> None:
    """The verdict speaks of a commit; unknown ones on either side are not compared."""
    with pytest.raises(IntegrityError, match="judged commit abc, but this is def"):
        plan(replace(CANDIDATE, commit="def"), claim_of(VERDICT, RUN))
    assert plan(replace(CANDIDATE, commit=""), claim_of(VERDICT, RUN))


@pytest.mark.parametrize("run", ["https://github.com/o/r/actions/runs/8", ""])
def test_a_report_of_another_run_is_refused(run: str) -> None:
    """In a workflow the report is of this run, or somebody said that it need not be; elsewhere there is no run."""
    gate = read_gate_report(report(run=run), "r")
    with pytest.raises(IntegrityError, match=r"The gate judged in .*, but this is .*runs/7.*allow-other-run"):
        plan(CANDIDATE, gate)
    assert plan(replace(CANDIDATE, other_run=True), gate)
    assert plan(replace(CANDIDATE, run_url=""), gate)
    assert plan(CANDIDATE, read_gate_report(report(), "r"))


def test_where_it_was_judged_is_no_part_of_the_verdict() -> None:
    """The same evidence judged in two runs has one digest and one key."""
    here, there = (read_gate_report(report(run=run), "r") for run in (RUN, ""))
    assert (here.digest, here.steady) == (there.digest, there.steady)


def test_a_model_that_could_run_code_is_refused() -> None:
    """A passing gate does not make a pickle safe to load."""
    with pytest.raises(InputError, match="could run code: its loader is 'evil'"):
        plan(
            replace(CANDIDATE, look=Look(format="MLflow", violations=("its loader is 'evil'",))), claim_of(VERDICT, RUN)
        )


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


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_no_candidates(name: str) -> None:
    """What the one rule refuses is never planned, whatever the verdict."""
    check_names("digits", CHALLENGER)
    with pytest.raises(InputError):
        plan(replace(CANDIDATE, name=name), claim_of(VERDICT, RUN))
