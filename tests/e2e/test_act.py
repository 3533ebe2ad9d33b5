"""A consumer's repository under act: the pipeline and each action at @v1, with a real MLflow server and HAProxy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_cicd import __version__
from tests.contracts.haproxy_process import haproxy_program
from tests.contracts.mlflow_process import mlflow_server
from tests.e2e.act_run import Consumer, Run, act_program
from tests.e2e.serving import serving

KEY = 'k-1 = "2" #3'
ENV = f"# the source's\nSOURCE_KEY='{KEY}'\n"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class Story:
    """Four pushes in this order, and which version served after each."""

    first: Run
    better: Run
    refused: Run
    actions: Run
    served: tuple[str, ...]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A first release, a better version, a worse one, and then each action by itself."""
    act_program()
    haproxy_program()
    folder: Path = tmp_path_factory.mktemp("act")
    (folder / "mlflow").mkdir()
    (folder / "home").mkdir()
    served, runs = [], []
    with mlflow_server(folder / "mlflow") as registry, serving() as target:
        consumer = Consumer(folder, {**target.environ, "MLFLOW_TRACKING_URI": registry})
        for weights, wrong, workflow in (
            ("first", 20, "pipeline.yml"),
            ("second", 10, "pipeline.yml"),
            ("third", 400, "pipeline.yml"),
            ("second", 10, "actions.yml"),
        ):
            consumer.change(weights=weights, wrong=wrong)
            runs.append(consumer.push(workflow, ENV=ENV))
            served.append(target.version())
        first, better, refused, actions = runs
        yield Story(first=first, better=better, refused=refused, actions=actions, served=tuple(served))


def test_the_first_release_serves(story: Story) -> None:
    """From push to production: quality, training, gate, registration, first release."""
    assert story.first.code == 0, story.first.log[-6000:]
    assert story.first.outcome == {
        "outputs": {
            "verdict": "pass",
            "warnings": '["accuracy versus champion"]',
            "version": "1",
            "decision": "promote",
        },
        "result": "success",
    }
    assert story.served[0] == "1"


def test_a_better_version_is_promoted_on_evidence(story: Story) -> None:
    """The second push goes through a canary under load, and takes over."""
    assert story.better.code == 0, story.better.log[-6000:]
    told = {"verdict": "pass", "warnings": "[]", "version": "2", "decision": "promote"}
    assert story.better.outcome["outputs"] == told
    assert "Version 2 over 1" in story.better.log
    assert "accuracy versus champion" in story.better.log
    assert story.served[1] == "2"


def test_secrets_reach_training_and_no_log(story: Story) -> None:
    """What the caller maps is there for the training command, with all its signs, and the log shows none of it."""
    assert "the key is ***" in story.first.log
    assert KEY not in story.first.log + story.better.log


def test_models_of_a_matrix_share_nothing(tmp_path: Path) -> None:
    """Two folders of one repository in one run, on defaults alone: each gate judges its own table, in its own words."""
    (tmp_path / "home").mkdir()
    consumer = Consumer(tmp_path, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    consumer.split(good=10, bad=400)
    run = consumer.push("matrix.yml")
    assert run.code != 0
    outcomes = {name: consumer.report(f"ml-cicd-gate-report-{name}")["verdict"] for name in ("good", "bad")}
    assert {name: verdict["outcome"] for name, verdict in outcomes.items()} == {"good": "pass", "bad": "fail"}
    assert outcomes["good"]["bindings"]["model"] != outcomes["bad"]["bindings"]["model"]
    for check in ("Lint", "Types", "Tests"):
        assert run.log.count(f"| {check}: not configured") == 2
    for name in ("good", "bad"):
        assert f"### ML pipeline of {name}: 3 of 5 stages ran" in run.log


def test_a_worse_version_is_refused_by_the_gate(story: Story) -> None:
    """The third push ends red at the gate: nothing is registered, no canary starts, version 2 serves on."""
    assert story.refused.code != 0
    assert "verdict=fail" in story.refused.log
    assert "Register " not in story.refused.log
    assert "Canary " not in story.refused.log
    assert story.served[2] == "2"


def test_each_action_works_by_itself(story: Story) -> None:
    """Gate, register, canary, rollback and front door at @v1, each with its outputs."""
    assert story.actions.code == 0, story.actions.log[-8000:]
    steps = story.actions.outcome
    outputs = {name: step["outputs"] for name, step in steps.items()}
    assert (outputs["gate"]["verdict"], outputs["gate"]["passed"], outputs["gate"]["blocking"]) == (
        "pass",
        "true",
        "[]",
    )
    assert outputs["register"]["digest"] == outputs["gate"]["model-digest"]
    assert (outputs["register"]["version"], outputs["register"]["created"]) == ("3", "true")
    repeated = outputs["register-again"]
    assert (repeated["version"], repeated["created"]) == ("3", "false")
    assert (outputs["canary"]["decision"], outputs["canary"]["share"]) == ("promote", "100")
    rollback = outputs["rollback"]
    assert (rollback["from-version"], rollback["to-version"], rollback["verified"]) == ("3", "2", "true")
    assert (outputs["front"]["version"], outputs["front"]["exit-code"]) == (__version__, "0")
    assert outputs["cli"]["says"] == f"ml-cicd {__version__}"
    assert story.served[3] == "2"


def test_a_second_rollback_changes_nothing(story: Story) -> None:
    """Rolling back to what serves already is a success that moves nothing."""
    assert story.actions.outcome["again"]["outcome"] == "success"
    assert story.actions.outcome["again"]["outputs"]["to-version"] == "2"


def test_each_action_refuses_by_itself(story: Story) -> None:
    """A gate that fails is a failed step with all its outputs, and register takes no report of it."""
    gate, register = story.actions.outcome["refused-gate"], story.actions.outcome["refused-register"]
    assert (gate["outcome"], register["outcome"]) == ("failure", "failure")
    assert (gate["outputs"]["verdict"], gate["outputs"]["blocking"]) == ("fail", '["accuracy"]')
    assert gate["outputs"]["report"].endswith("refused/report.json")
    assert register["outputs"].get("version", "") == ""
