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
from types import MappingProxyType
from typing import Any

import pytest

from tests.workflows.documents import PARTS, PIPELINE
from tools.desugar import copy

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
US = "OWNER/ml-cicd@v1"
PIN = re.compile(r"uses: (actions/([a-z-]+)@[0-9a-f]{40})")
UNUSED = ("tests", "docs", "examples", "benchmarks", "tools")
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
        write_recipe(self.home, weights=weights, wrong=wrong)
        commit(self.home)

    def split(self, **wrong: int) -> None:
        """Commit a folder for each of these models, without linters, types, tests, requirements, and champion."""
        lines = (self.home / "ml-cicd.yml").read_text("utf-8").splitlines(keepends=True)
        for name, count in wrong.items():
            folder = self.home / "models" / name
            folder.mkdir(parents=True)
            for file in ("fit.py", "evaluate.py"):
                shutil.copy(self.home / file, folder)
            (folder / "ml-cicd.yml").write_text("".join(line for line in lines if "champion" not in line), "utf-8")
            write_recipe(folder, weights=name, wrong=count)
        commit(self.home)

    def report(self, artifact: str) -> dict[str, Any]:
        """Return the report.json that the last push handed on under this name."""
        found: dict[str, Any] = json.loads(
            (self.home.parent / "artifacts" / artifact / "report.json").read_text("utf-8")
        )
        return found

    def push(self, workflow: str, **secrets: str) -> Run:
        """Run one workflow as a push does, in a repository with these secrets."""
        variables = {"PYTHON": sys.executable, "MLFLOW_TRACKING_URI": self._environ["MLFLOW_TRACKING_URI"]}
        return run_workflow(self.home, workflow, self._local, self._environ, variables, secrets)


def used_actions(folder: Path, us: str = US) -> dict[str, Path]:
    """Export this tree and make a repository of each stub; return what each `uses:` stands for."""
    copy(folder / "ml-cicd", us)
    for part in UNUSED:  # act copies an action's whole repository at each use
        shutil.rmtree(folder / "ml-cicd" / part)
    local = {us: folder / "ml-cicd"}
    texts = [path.read_text("utf-8") for path in (PIPELINE, *PARTS)]
    for used, name in sorted(set(PIN.findall("\n".join(texts)))):
        if (HERE / "stubs" / name).is_dir():  # act itself knows what actions/checkout does
            local[used] = folder / "stubs" / name
            shutil.copytree(HERE / "stubs" / name, local[used])
    for repository in local.values():
        commit(repository)
    return local


def run_workflow(
    home: Path,
    workflow: str,
    local: Mapping[str, Path],
    environ: Mapping[str, str],
    variables: Mapping[str, str],
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Run one workflow of a repository as a push does; what act needs lies beside the repository."""
    folder = home.parent
    outcome, artifacts = folder / "outcome.json", folder / "artifacts"
    outcome.unlink(missing_ok=True)
    shutil.rmtree(artifacts, ignore_errors=True)
    command = [act_program(), "push", "-W", f".github/workflows/{workflow}", "-P", "ubuntu-latest=-self-hosted"]
    command += ["--no-cache-server", "--action-cache-path", str(folder / "cache")]
    command += [part for name, value in variables.items() for part in ("--var", f"{name}={value}")]
    command += [part for name, value in secrets.items() for part in ("--secret", f"{name}={value}")]
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


def write_recipe(folder: Path, *, weights: str, wrong: int) -> None:
    """Write what a model is made of."""
    recipe = f'"""The recipe."""\n\nWEIGHTS = "{weights}"\nWRONG = {wrong}\n'
    (folder / "recipe.py").write_text(recipe, encoding="utf-8")


def commit(repository: Path) -> None:
    """Commit everything in a folder, which becomes a git repository."""
    git = ["git", "-C", str(repository), "-c", "user.name=consumer", "-c", "user.email=consumer@example.invalid"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A", "-f"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
