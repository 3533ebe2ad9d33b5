"""Runs a consumer repository's workflows with `act`, against this very tree as OWNER/ml-cicd@v1. No network."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.desugar import copy

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
US = "OWNER/ml-cicd@v1"
PIN = re.compile(r"uses: (actions/([a-z-]+)@[0-9a-f]{40})")
LONGEST_SECONDS = 300


def act_program() -> str:
    """Return act's path, or skip the test with its reason."""
    found = shutil.which("act", path=str(ROOT / ".tools" / "bin")) or shutil.which("act")
    if found is None:
        pytest.skip("act is not installed; `make setup` builds it where Go is")
    return found


@dataclass(frozen=True, kw_only=True)
class Run:
    """One workflow run: act's exit code, its log, and what the workflow's last step wrote down."""

    code: int
    log: str
    outcome: dict[str, Any]


class Consumer:
    """A user's repository, and everything that its workflows use."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Make the repository, export this tree, and make a repository of each stub."""
        act_program()
        self._environ = environ
        self.home = folder / "consumer"
        shutil.copytree(HERE / "consumer", self.home, ignore=shutil.ignore_patterns("__pycache__"))
        (self.home / ".github").mkdir()
        (self.home / "workflows").rename(self.home / ".github" / "workflows")
        self._local = used_actions(folder)
        commit(self.home)

    def change(self, *, weights: str, wrong: int) -> None:
        """Commit a change of the model's recipe."""
        recipe = f'"""The recipe."""\n\nWEIGHTS = "{weights}"\nWRONG = {wrong}\n'
        (self.home / "recipe.py").write_text(recipe, encoding="utf-8")
        commit(self.home)

    def push(self, workflow: str) -> Run:
        """Run one workflow as a push does."""
        variables = {"PYTHON": sys.executable, "MLFLOW_TRACKING_URI": self._environ["MLFLOW_TRACKING_URI"]}
        return run_workflow(self.home, workflow, self._local, self._environ, variables)


def used_actions(folder: Path, us: str = US) -> dict[str, Path]:
    """Export this tree and make a repository of each stub; return what each `uses:` stands for."""
    copy(folder / "ml-cicd", us)
    local = {us: folder / "ml-cicd"}
    for used, name in sorted(set(PIN.findall((ROOT / ".github/workflows/ml-pipeline.yml").read_text("utf-8")))):
        if (HERE / "stubs" / name).is_dir():  # act itself knows what actions/checkout does
            local[used] = folder / "stubs" / name
            shutil.copytree(HERE / "stubs" / name, local[used])
    for repository in local.values():
        commit(repository)
    return local


def run_workflow(
    home: Path, workflow: str, local: Mapping[str, Path], environ: Mapping[str, str], variables: Mapping[str, str]
) -> Run:
    """Run one workflow of a repository as a push does; what act needs lies beside the repository."""
    folder = home.parent
    outcome, artifacts = folder / "outcome.json", folder / "artifacts"
    outcome.unlink(missing_ok=True)
    shutil.rmtree(artifacts, ignore_errors=True)
    command = [act_program(), "push", "-W", f".github/workflows/{workflow}", "-P", "ubuntu-latest=-self-hosted"]
    command += ["--no-cache-server", "--action-cache-path", str(folder / "cache")]
    command += [part for name, value in variables.items() for part in ("--var", f"{name}={value}")]
    command += [part for used, place in local.items() for part in ("--local-repository", f"{used}={place}")]
    around = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "ML_CICD_TOOL_ENV": sys.executable,
        "ARTIFACTS": str(artifacts),
        "OUTCOME": str(outcome),
        **environ,
    }
    answer = subprocess.run(
        command,
        cwd=home,
        env=around,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    found = json.loads(outcome.read_text("utf-8")) if outcome.is_file() else {}
    return Run(code=answer.returncode, log=answer.stdout, outcome=found)


def commit(repository: Path) -> None:
    """Commit everything in a folder, which becomes a git repository."""
    git = ["git", "-C", str(repository), "-c", "user.name=consumer", "-c", "user.email=consumer@example.invalid"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A", "-f"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
