"""Repositories of strangers: `init` writes, and what it wrote runs unchanged under act, to a verdict."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.act_run import HERE, ROOT, Run, act_program, commit, run_workflow, used_actions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STRANGERS = {
    "sklearn-pip": ("Install", "Tests", "Train", "Evaluate", "Gate"),
    "torch-uv": ("Install", "Lint", "Train", "Evaluate", "Gate"),
    "llm-promptfoo": ("Gate",),
}
WORKFLOW = "ml-quality-gate.yml"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def git(repository: Path, *arguments: str) -> str:
    """Run git and return what it says."""
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, text=True).stdout


def stranger(folder: Path, name: str) -> Path:
    """Copy a repository, which knows nothing of ours, and give it a home."""
    home = folder / name
    shutil.copytree(HERE / "strangers" / name, home, ignore=shutil.ignore_patterns("__pycache__"))
    commit(home)
    git(home, "remote", "add", "origin", f"https://github.com/stranger/{name}.git")
    return home


def init(home: Path) -> None:
    """Type `ml-cicd init --yes` there, and commit what it wrote."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    subprocess.run([sys.executable, "-m", "ml_cicd", "init", "--yes"], cwd=home, env=environ, check=True)
    commit(home)


def push(home: Path) -> Run:
    """Run the workflow as it was written; what it uses is this tree, whoever the owner is that was guessed."""
    (home.parent / "home").mkdir()
    us = "stranger/ml-cicd@v1"
    path = f"{HERE / 'stubs' / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return run_workflow(home, WORKFLOW, used_actions(home.parent, us), {**OFFLINE, "PATH": path}, {})


@pytest.mark.parametrize("name", STRANGERS)
def test_a_strangers_first_run_is_green(name: str, tmp_path: Path) -> None:
    """Setup, install, their own checks, training, evaluation and gate, each there where the repository has it."""
    act_program()
    home = stranger(tmp_path, name)
    init(home)
    run = push(home)
    assert run.code == 0, run.log[-6000:]
    assert "verdict=pass" in run.log
    for step in STRANGERS[name]:
        assert f"Success - Main {step}" in run.log, (step, run.log[-6000:])
    assert git(home, "status", "--porcelain") == ""


def test_a_worse_candidate_is_red(tmp_path: Path) -> None:
    """The stranger's gate is a gate: a classifier that has learnt nothing fails it, with the verdict."""
    act_program()
    home = stranger(tmp_path, "sklearn-pip")
    init(home)
    script = home / "train.py"
    script.write_text(
        script.read_text("utf-8").replace("fit(features, labels)", "fit(features, labels[::-1])"), encoding="utf-8"
    )
    commit(home)
    run = push(home)
    assert run.code != 0
    assert "verdict=fail" in run.log, run.log[-6000:]
