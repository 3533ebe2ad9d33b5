"""What `init` writes for whole repositories, as it is read: after a change that is meant, `UPDATE_GOLDEN=1`."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.config import read_config
from ml_cicd.gate.policy import build_policy
from ml_cicd.shell.survey import survey
from ml_cicd.shell.wiring import door_settings
from ml_cicd.starter.project import Project, read_project
from ml_cicd.starter.snapshot import Snapshot
from ml_cicd.starter.written import GATE_WORKFLOW, RELEASE_WORKFLOW, first_files, is_missing, scalar
from tests.workflows.documents import load

HERE = Path(__file__).resolve().parent
STRANGERS = HERE.parent / "e2e" / "strangers"
REPOSITORIES = {path.name: path for folder in (STRANGERS, HERE / "repositories") for path in sorted(folder.iterdir())}


def project_of(files: dict[str, str], **facts: str) -> Project:
    """Return what is understood of a repository with these files."""
    paths = tuple(sorted(files, key=lambda path: (path.count("/"), path)))
    return read_project(Snapshot(paths=paths, texts=files, **facts))  # type: ignore[arg-type]


def written(name: str) -> dict[str, str]:
    """Return what is written for one of the repositories, as if it was owned by whoever owns ml-cicd."""
    found = replace(survey(REPOSITORIES[name]), inside="")
    told = read_project(found).told({"owner": "OWNER", "model-name": name, "branch": "main"})
    return first_files(told, "ml-cicd.yml")


@pytest.mark.parametrize("name", REPOSITORIES)
def test_what_is_written_is_what_was_read(name: str) -> None:
    """Each file is the one that lies in `expected`, and there is no other."""
    folder = HERE / "expected" / name
    files = {Path(path).name: text for path, text in written(name).items()}
    if os.environ.get("UPDATE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for path_name, text in files.items():
            (folder / path_name).write_text(text, encoding="utf-8")
    assert files == {path.name: path.read_text("utf-8") for path in folder.iterdir()}


@pytest.mark.parametrize("name", REPOSITORIES)
def test_the_configuration_is_valid(name: str) -> None:
    """The reader takes it, its gate is a policy, and editors find the schema by its first line."""
    text = written(name)["ml-cicd.yml"]
    config = read_config(text, "ml-cicd.yml", {"MLFLOW_TRACKING_URI": "https://mlflow.example"}, door_settings)
    assert config.gate is not None
    assert build_policy(config.gate, thresholds=None, where="x").rules
    schema = re.match(
        r"# yaml-language-server: \$schema=https://raw.githubusercontent.com/OWNER/ml-cicd/v1/(\S+)", text
    )
    assert schema is not None
    assert (HERE.parents[1] / schema[1]).is_file()


def test_a_version_is_registered_only_where_it_can_be() -> None:
    """A model that can be registered and a server behind https have a release; others have the sentence instead."""
    assert [name for name in REPOSITORIES if RELEASE_WORKFLOW in written(name)] == ["torch-mlflow"]
    gate = written("sklearn-pip")[".github/workflows/ml-quality-gate.yml"]
    assert "no MLflow server behind http(s) was found" in gate
    assert "must save its model" not in gate


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ("import sklearn, joblib\njoblib.dump(model, 'out/model.joblib')", ""),
        ("import sklearn\nmodel.save('out/model')", "must save its model with mlflow.sklearn.save_model"),
        ("import tensorflow\nmodel.save('out/model.keras')", ""),
        ("import tensorflow\nmodel.save('out/model')", "cannot be registered as folders"),
    ],
)
def test_what_keeps_a_model_from_the_registry(training: str, said: str) -> None:
    """A file of a known format is registered as it lies; a folder only as MLflow saves it."""
    found = [one for one in project_of({"train.py": training}).blocked if "MLflow server" not in one]
    assert found == [] if not said else said in found[0]


def test_a_password_stays_where_it_is() -> None:
    """The registry's address is looked at and never written down."""
    found = read_project(survey(REPOSITORIES["torch-mlflow"]))
    assert "hunter2" not in f"{found} {written('torch-mlflow')}"


def test_what_is_missing_fails_with_words(tmp_path: Path) -> None:
    """Where no evaluation was found, its step says what to fill in and fails; nothing pretends to be one."""
    project = project_of({"requirements.txt": "scikit-learn", "train.py": "import sklearn"})
    assert [stage for stage in ("install", "train", "evaluate") if is_missing(project, stage)] == ["evaluate"]
    path = tmp_path / "gate.yml"
    path.write_text(first_files(project, "ml-cicd.yml")[".github/workflows/ml-quality-gate.yml"])
    (step,) = (step for step in load(path)["jobs"]["gate"]["steps"] if step.get("name") == "Evaluate")
    assert "FILL IN" in step["run"]
    assert step["run"].splitlines()[-1] == "exit 1"


def test_nothing_at_all_is_two_steps_to_fill_in(tmp_path: Path) -> None:
    """What is not configured is no step: nobody must fill in a linter, types or tests."""
    path = tmp_path / "gate.yml"
    path.write_text(first_files(project_of({}), "ml-cicd.yml")[GATE_WORKFLOW])
    assert [step.get("name") for step in load(path)["jobs"]["gate"]["steps"]][2:] == ["Train", "Evaluate", "Gate"]


def test_a_folder_of_a_repository_has_workflows_at_its_top(tmp_path: Path) -> None:
    """GitHub reads them there alone; all of it happens in the folder, and another folder's have other names."""
    files = {
        "train.py": "import torch\nmlflow.pytorch.save_model(m, 'build/model', input_example=x)",
        ".env.example": "MLFLOW_TRACKING_URI=https://mlflow.example",
    }
    project = project_of(files, inside="models/fraud", folder="fraud", remote="https://github.com/acme/all")
    assert project.value("model-name") == "fraud"
    written_files = first_files(project, "ml-cicd.yml")
    gate, release = (f"../../.github/workflows/ml-{name}-models-fraud.yml" for name in ("quality-gate", "release"))
    assert set(written_files) == {"ml-cicd.yml", gate, release}
    path = tmp_path / "w.yml"
    path.write_text(written_files[gate])
    assert load(path)["defaults"] == {"run": {"working-directory": "models/fraud"}}
    assert load(path)["jobs"]["gate"]["steps"][-1]["with"]["working-directory"] == "models/fraud"
    assert "models-fraud" in load(path)["concurrency"]["group"]
    path.write_text(written_files[release])
    given = load(path)["jobs"]["pipeline"]["with"]
    assert (given["working-directory"], given["name"]) == ("models/fraud", "models-fraud")
    assert "models-fraud" in load(path)["concurrency"]["group"]


@pytest.mark.parametrize("word", ["on", "no", "null", "Y", "true", "3.10", "a b", "it's", "", "x:", "- x", "a #b"])
def test_texts_stay_texts(tmp_path: Path, word: str) -> None:
    """What YAML would read as something else is quoted."""
    path = tmp_path / "x.yml"
    path.write_text(f"key: {scalar(word)}\n")
    assert load(path)["key"] == word
