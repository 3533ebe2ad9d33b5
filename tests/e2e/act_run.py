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
        self._act = act_program()
        self._folder = folder
        self._environ = environ
        self.home = folder / "consumer"
        shutil.copytree(HERE / "consumer", self.home, ignore=shutil.ignore_patterns("__pycache__"))
        (self.home / ".github").mkdir()
        (self.home / "workflows").rename(self.home / ".github" / "workflows")
        copy(folder / "ml-cicd", US)
        for part in UNUSED:  # act copies an action's whole repository at each use
            shutil.rmtree(folder / "ml-cicd" / part)
        self._local = {US: folder / "ml-cicd"}
        texts = [path.read_text("utf-8") for path in (PIPELINE, *PARTS)]
        for used, name in sorted(set(PIN.findall("\n".join(texts)))):
            if (HERE / "stubs" / name).is_dir():  # act itself knows what actions/checkout does
                self._local[used] = folder / "stubs" / name
                shutil.copytree(HERE / "stubs" / name, self._local[used])
        for repository in (self.home, *self._local.values()):
            commit(repository)

    def change(self, *, weights: str, wrong: int) -> None:
        """Commit a change of the model's recipe."""
        write_recipe(self.home, weights=weights, wrong=wrong)
        commit(self.home)

    def split(self, **wrong: int) -> None:
        """Commit a folder for each of these models, none of which has linters, types, tests or requirements."""
        for name, count in wrong.items():
            folder = self.home / "models" / name
            folder.mkdir(parents=True)
            for file in ("fit.py", "evaluate.py", "ml-cicd.yml"):
                shutil.copy(self.home / file, folder)
            write_recipe(folder, weights=name, wrong=count)
        commit(self.home)

    def report(self, artifact: str) -> dict[str, Any]:
        """Return the report.json that the last push handed on under this name."""
        found: dict[str, Any] = json.loads((self._folder / "artifacts" / artifact / "report.json").read_text("utf-8"))
        return found

    def push(self, workflow: str, **secrets: str) -> Run:
        """Run one workflow as a push does, in a repository with these secrets."""
        outcome, artifacts = self._folder / "outcome.json", self._folder / "artifacts"
        outcome.unlink(missing_ok=True)
        shutil.rmtree(artifacts, ignore_errors=True)
        command = [self._act, "push", "-W", f".github/workflows/{workflow}", "-P", "ubuntu-latest=-self-hosted"]
        command += ["--no-cache-server", "--action-cache-path", str(self._folder / "cache")]
        command += ["--var", f"PYTHON={sys.executable}"]
        command += ["--var", f"MLFLOW_TRACKING_URI={self._environ['MLFLOW_TRACKING_URI']}"]
        for name, value in secrets.items():
            command += ["--secret", f"{name}={value}"]
        for used, place in self._local.items():
            command += ["--local-repository", f"{used}={place}"]
        environ = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self._folder / "home"),
            "LANG": "C.UTF-8",
            "ML_CICD_TOOL_ENV": sys.executable,
            "ARTIFACTS": str(artifacts),
            "OUTCOME": str(outcome),
            **self._environ,
        }
        answer = subprocess.run(
            command,
            cwd=self.home,
            env=environ,
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
