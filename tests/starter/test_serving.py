"""The files of a place that serves: whole, private to nobody, and from the examples that the demo runs."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd import __all__ as public
from ml_cicd.config import read_config
from ml_cicd.shell.survey import survey
from ml_cicd.shell.wiring import door_settings
from ml_cicd.starter.project import read_project
from ml_cicd.starter.serving import EMPTY_MAP, SERVERS, Serving, serving_files
from ml_cicd.starter.tools import KINDS
from ml_cicd.starter.written import RELEASE_WORKFLOW, first_files
from tests.contracts.haproxy_process import haproxy_program
from tests.starter.test_written import REPOSITORIES
from tests.workflows.documents import load
from tools.render_docs import EXAMPLES

SERVING = Serving(target="eu-west", place="/srv/digits", flavor="pytorch", packages="torch")


@pytest.mark.parametrize("flavor", SERVERS)
def test_the_files_import_nothing_private(flavor: str) -> None:
    """Server and hook need the standard library, the model's own and MLflow, and of ml-cicd what is exported."""
    serving = Serving(target="x", place="/srv/x", flavor=flavor, packages="")
    package = next(kind.imports for kind in KINDS if kind.flavor == flavor)
    for path, text in serving_files(serving, model="digits", owner="acme").items():
        if not path.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ml_cicd"):
                assert node.module == "ml_cicd"
                assert {alias.name for alias in node.names} <= set(public)
        ours = {"ml_cicd", "mlflow"} if path.endswith("deploy.py") else package
        assert _third_parties(text) <= ours, path


def _third_parties(text: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(text)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    """Nothing in it is left to be replaced, and HAProxy finds no fault with it and its map."""
    serving = Serving(target="x", place=str(tmp_path), flavor="pytorch", packages="torch")
    files = serving_files(serving, model="digits", owner="acme")
    assert "$" not in files["serve/haproxy.cfg"]
    for path, text in files.items():
        (tmp_path / Path(path).name).write_text(text, encoding="utf-8")
    command = [haproxy_program(), "-c", "-q", "-f", str(tmp_path / "haproxy.cfg")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert files["serve/split.map"] == EMPTY_MAP


def test_the_units_start_what_is_there() -> None:
    """Each path that a unit or the README names lies in the folder, or is made there by the README."""
    files = serving_files(SERVING, model="digits", owner="acme")
    assert {"serve/digits-router.service", "serve/digits-slots.service"} <= set(files)
    units = "".join(text for path, text in files.items() if path.endswith(".service"))
    for path in ("haproxy.cfg", "deploy.py"):
        assert f"/srv/digits/{path}" in units
        assert f"serve/{path}" in files
    assert "SERVICE_USER" in units
    assert "s/SERVICE_USER/$USER/" in files["serve/README.md"]


def test_the_target_is_valid_and_rolled_out() -> None:
    """The configuration names the slots, the hook and the map, and the release runs where they are."""
    project = read_project(replace(survey(REPOSITORIES["torch-mlflow"]), inside="")).told(
        {"owner": "acme", "model-name": "digits"}
    )
    files = first_files(project, "ml-cicd.yml", SERVING)
    config = read_config(files["ml-cicd.yml"], "x", {"MLFLOW_TRACKING_URI": "https://m.example"}, door_settings)
    name, target = config.target("")
    assert (name, set(target.slots)) == ("eu-west", {"blue", "green"})
    assert target.hooks.deploy == ("/srv/digits/.venv/bin/python", "/srv/digits/deploy.py")
    assert "canary: false" not in files[RELEASE_WORKFLOW]
    assert 'canary-runs-on: \'["self-hosted", "eu-west"]\'' in files[RELEASE_WORKFLOW]


def test_the_release_with_a_canary_is_a_workflow(tmp_path: Path) -> None:
    """It calls the pipeline with inputs that the pipeline has."""
    project = read_project(replace(survey(REPOSITORIES["torch-mlflow"]), inside=""))
    path = tmp_path / "release.yml"
    path.write_text(first_files(project, "ml-cicd.yml", SERVING)[RELEASE_WORKFLOW])
    pipeline = load(Path(__file__).resolve().parents[2] / ".github" / "workflows" / "ml-pipeline.yml")
    assert set(load(path)["jobs"]["pipeline"]["with"]) <= set(pipeline["on"]["workflow_call"]["inputs"])


def test_the_texts_have_one_source() -> None:
    """What is written is what the demo runs, byte for byte."""
    assert {path.name for path in next(iter(EXAMPLES)).parent.iterdir()} == {path.name for path in EXAMPLES}
    for path, source in EXAMPLES.items():
        assert path.read_text("utf-8") == source.read_text("utf-8")
