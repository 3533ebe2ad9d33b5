"""The reusable workflow: names, folders and secrets reach every job that needs them, and none that does not."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ml_cicd.registry.gate_report import claim_of
from ml_cicd.registry.statement import statement
from tests.actions.expressions import interpolate
from tests.registry.gate_reports import RUN
from tests.registry.test_statement import BOUND, CANDIDATE
from tests.workflows.documents import PIPELINE, jobs, load, steps, texts

MLFLOW = {
    "MLFLOW_TRACKING_URI": "${{ inputs.registry-uri }}",
    "MLFLOW_TRACKING_USERNAME": "${{ secrets.mlflow-username }}",
    "MLFLOW_TRACKING_PASSWORD": "${{ secrets.mlflow-password }}",
    "MLFLOW_TRACKING_TOKEN": "${{ secrets.mlflow-token }}",
}
ASK_THE_REGISTRY = {"Train", "Fetch the champion", "Evaluate", "Register", "Canary", "Rollback"}
CALLERS_OWN = {"Prepare", "Train", "Evaluate"}  # commands of the caller that may need what only he knows
DEFAULTS = {name: facts.get("default", "") for name, facts in load(PIPELINE)["on"]["workflow_call"]["inputs"].items()}


def named(name: str) -> list[Mapping[str, Any]]:
    """Return the steps of this name."""
    return [step for step in steps(load(PIPELINE)) if step.get("name") == name]


def filled(value: object, **inputs: str) -> list[str]:
    """Return the texts below a value with these inputs, and the default of all others."""
    contexts = {"inputs": {**DEFAULTS, **inputs}}
    return [interpolate(text, contexts) for text in texts(value) if "inputs.name" in text or "ml-cicd-" in text]


def artifacts(**inputs: str) -> list[str]:
    """Return the names under which artifacts are handed on, in their order."""
    moved = [step for step in steps(load(PIPELINE)) if "-artifact@" in step.get("uses", "")]
    assert len(moved) == 7
    return [interpolate(step["with"]["name"], {"inputs": {**DEFAULTS, **inputs}}) for step in moved]


def test_without_a_name_artifacts_are_called_as_ever() -> None:
    """Who has one model, or switches a stage off, finds the names that are documented."""
    assert set(artifacts()) == {"ml-cicd-candidate", "ml-cicd-gate-report", "ml-cicd-statement"}


def test_models_of_one_run_share_nothing() -> None:
    """With names, two calls of one run have no artifact, group and report folder in common."""
    assert set(artifacts(name="a")) == {"ml-cicd-candidate-a", "ml-cicd-gate-report-a", "ml-cicd-statement-a"}
    assert not set(artifacts(name="a")) & set(artifacts(name="b"))
    for one in (jobs(load(PIPELINE))["canary"]["concurrency"]["group"], named("Gate")[0]["with"]["report-dir"]):
        assert not set(filled(one, name="a")) & set(filled(one, name="b"))


@pytest.mark.parametrize("folder", [".", "models/fraud", ""])
def test_everything_happens_in_the_working_directory(folder: str) -> None:
    """Commands and actions start there, and so does each path of an artifact."""
    for step in steps(load(PIPELINE)):
        given = step.get("with", {})
        if step.get("uses", "").startswith("$/"):
            assert given["working-directory"] == "${{ inputs.working-directory }}", step["name"]
        if "-artifact@" in step.get("uses", ""):
            path = interpolate(given["path"], {"inputs": {**DEFAULTS, "working-directory": folder}})
            assert path.startswith(f"{folder or '.'}/"), step["name"]


def test_the_report_is_where_it_is_looked_for() -> None:
    """The gate writes it below its working directory, and it is handed on, taken and read at that place."""
    inputs = {"inputs": {**DEFAULTS, "working-directory": "w", "name": "a"}}
    written = "w/" + interpolate(named("Gate")[0]["with"]["report-dir"], inputs)
    handed_on = interpolate(named("Hand on the report")[0]["with"]["path"], inputs)
    taken = interpolate(named("Take the report")[0]["with"]["path"], inputs)
    read = "w/" + interpolate(named("Register")[0]["with"]["gate-report"], inputs)
    assert written == handed_on == taken == read.removesuffix("/report.json")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed; GitHub's runners have it")
def test_what_is_signed_is_the_statement(tmp_path: Path) -> None:
    """Subject, type and predicate that GitHub signs are those that `register` wrote, for it takes them apart."""
    (step,) = named("Take it apart")
    written = statement(CANDIDATE, claim_of(BOUND, RUN))
    (tmp_path / "statement.json").write_text(written)
    environ = {"PATH": os.environ["PATH"], "FOLDER": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "out")}
    subprocess.run(["bash", "-e", "-c", step["run"]], env=environ, check=True, timeout=60)
    outputs = dict(line.split("=", 1) for line in (tmp_path / "out").read_text().splitlines())
    wanted = json.loads(written)
    assert outputs == {"name": "digits", "digest": CANDIDATE.digest, "type": wanted["predicateType"]}
    assert json.loads((tmp_path / "predicate.json").read_text()) == wanted["predicate"]


def test_the_statement_is_where_it_is_looked_for() -> None:
    """`register` writes it below its working directory, and there it is handed on; what was taken is what is signed."""
    inputs = {"inputs": {**DEFAULTS, "working-directory": "w", "name": "a"}}
    written = "w/" + interpolate(named("Register")[0]["with"]["report-dir"], inputs)
    assert interpolate(named("Hand on the statement")[0]["with"]["path"], inputs) == f"{written}/statement.json"
    taken = interpolate(named("Take the statement")[0]["with"]["path"], inputs)
    assert interpolate(named("Take it apart")[0]["env"]["FOLDER"], inputs) == taken
    assert interpolate(named("Attest")[0]["with"]["predicate-path"], inputs) == f"{taken}/predicate.json"


def test_the_registry_reaches_whoever_asks_it() -> None:
    """Training and evaluation have its address and credentials, as registration and rollout have; nobody else has."""
    for step in steps(load(PIPELINE)):
        own = {name: value for name, value in step.get("env", {}).items() if name.startswith("MLFLOW_")}
        assert own == (MLFLOW if step.get("name") in ASK_THE_REGISTRY else {}), step.get("name")


def test_secrets_of_the_callers_commands_reach_them_alone() -> None:
    """Neither our actions nor GitHub's have them in their environment or inputs."""
    for step in steps(load(PIPELINE)):
        found = [text for text in texts([step.get("with", {}), step.get("env", {})]) if "secrets.env" in text]
        assert found == (["${{ secrets.env }}"] if step.get("name") in CALLERS_OWN else []), step.get("name")


@pytest.mark.parametrize(
    ("found", "means", "none"), [("true", "fail", "false"), ("false", "", "true"), ("", "", "false")]
)
def test_the_gate_hears_whether_a_champion_serves(found: str, means: str, none: str) -> None:
    """Only where fetching found none may its table be absent; where it found one, there is no first release."""
    given, contexts = named("Gate")[0]["with"], {"needs": {"train": {"outputs": {"champion": found}}}}
    assert interpolate(given["when-no-champion"], contexts) == means
    assert interpolate(given["no-champion"], contexts) == none


@pytest.mark.parametrize(
    ("target", "wanted"), [("", "champion"), ("production", "champion-production"), ("eu", "champion-eu")]
)
def test_the_champion_is_the_targets(target: str, wanted: str) -> None:
    """What the candidate is compared with is what serves where it shall serve."""
    text = named("Fetch the champion")[0]["with"]["version"]
    assert interpolate(text, {"inputs": {**DEFAULTS, "target": target}}) == wanted


@pytest.mark.parametrize(
    ("name", "off", "results", "says"),
    [
        ("", "", ["success"] * 5, "### ML pipeline: 5 of 5 stages ran"),
        ("fraud", "canary", ["success"] * 4 + ["skipped"], "### ML pipeline of fraud: 4 of 5 stages ran"),
        ("", "", ["success", "success", "failure", "skipped", "skipped"], "### ML pipeline: 3 of 5 stages ran"),
        ("", "code-quality", ["skipped", "cancelled", "skipped", "skipped", "skipped"], "0 of 5 stages ran"),
    ],
)
def test_the_summary_counts_stages(name: str, off: str, results: list[str], says: str, tmp_path: Any) -> None:
    """It says how many ran, and of each other one whether it was switched off or not reached."""
    (step,) = jobs(load(PIPELINE))["summary"]["steps"]
    stages = ["code-quality", "train", "gate", "register", "canary"]
    contexts = {
        "inputs": {**DEFAULTS, "name": name, **({off: False} if off else {})},
        "needs": {stage: {"result": result} for stage, result in zip(stages, results, strict=True)},
    }
    environ = {key: interpolate(text, contexts) for key, text in step["env"].items()}
    summary = tmp_path / "summary.md"
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        env={"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(summary), **environ},
        check=True,
    )
    lines = summary.read_text("utf-8").splitlines()
    assert says in lines[0]
    assert lines[1] == ""
    assert [line.rpartition(": ")[2] for line in lines[2:]] == [
        "off" if stage == off else result for stage, result in zip(stages, results, strict=True)
    ]


def test_whoever_trains_looks_at_the_name_first() -> None:
    """Each job that runs commands of the caller gives it to the first step after the checkout."""
    for job in ("code-quality", "train"):
        assert jobs(load(PIPELINE))[job]["steps"][1]["with"]["name"] == "${{ inputs.name }}"


def test_the_workflow_hands_on_what_its_actions_know() -> None:
    """Code that travels with a model can be allowed, and what the gate let through can be read."""
    assert named("Register")[0]["with"]["allow-code"] == "${{ inputs.allow-code }}"
    assert jobs(load(PIPELINE))["gate"]["outputs"]["warnings"] == "${{ steps.gate.outputs.warnings }}"
    assert load(PIPELINE)["on"]["workflow_call"]["outputs"]["warnings"]["value"] == "${{ jobs.gate.outputs.warnings }}"


def test_two_jobs_install_alike() -> None:
    """One installs, and what it downloaded is there for the other: same commands, same folder, same secrets."""
    first, second = named("Prepare")
    assert first == second
