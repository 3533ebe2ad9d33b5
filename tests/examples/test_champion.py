"""The worked example of docs/pipeline.md: candidate and champion are scored on the same rows, and compared."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ml_cicd.registry.mlflow.ledger import MlflowLedger
from ml_cicd.registry.mlflow.versions import MlflowRegistry
from tests.contracts.test_registry_contract import entry

pytest.importorskip("torch")
pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "champion"
NAME = "digits-linear"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A copy of the example, with a registry in a file."""

    folder: Path

    @property
    def uri(self) -> str:
        """The registry's address."""
        return f"sqlite:///{self.folder}/mlflow.db"

    def python(self, *arguments: str, **environ: str) -> int:
        """Run a script, or our command line, as a job does."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": os.pathsep.join(sys.path)}
        own |= {"MLFLOW_TRACKING_URI": self.uri, "GITHUB_SHA": "0" * 40, "OMP_NUM_THREADS": "1", **environ}
        answer = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=own, check=False, capture_output=True, timeout=300
        )
        print(answer.stdout.decode(), answer.stderr.decode())
        return answer.returncode

    def tool(self, command: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a command; its exit code and its report."""
        code = self.python("-m", "ml_cicd", command, *arguments)
        report = self.folder / "ml-cicd-reports" / command / "report.json"
        return code, json.loads(report.read_text("utf-8"))

    def release(self, steps: int) -> tuple[int, dict[str, Any], dict[str, Any]]:
        """Train, fetch, evaluate and gate, as the reusable workflow does; what fetching said, and the gate."""
        champion = self.folder / "champion"
        shutil.rmtree(champion, ignore_errors=True)
        assert self.python("train.py", STEPS=str(steps)) == 0
        code, fetched = self.tool("fetch", "--version", "champion", "--to", "champion", "--if-missing", "skip")
        assert code == 0
        there = fetched["outputs"]
        assert self.python("evaluate.py", CHAMPION_MODEL=there["path"]) == 0
        none = "--no-champion=" + ("false" if there["found"] == "true" else "true")
        code, judged = self.tool("quality-gate", "--model", "build/model", none)
        return code, there, judged

    def promote(self) -> None:
        """Register what passed, and let it serve, as a canary records it."""
        code, report = self.tool("register", "--model", "build/model")
        assert code == 0
        number = report["outputs"]["version"]
        head = MlflowLedger(self.uri).read(NAME).head
        MlflowLedger(self.uri).append_entry(NAME, entry(head, champion=number))
        MlflowRegistry(self.uri).set_alias(NAME, "champion", number)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Its first release serves."""
    folder = tmp_path_factory.mktemp("example") / "repository"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "__pycache__"))
    found = Repository(folder=folder)
    code, there, judged = found.release(steps=200)
    assert (code, there["found"], judged["verdict"]["outcome"]) == (0, "false", "pass")
    assert not (folder / "build" / "champion.csv").exists()
    found.promote()
    return found


def test_a_worse_candidate_is_refused_by_comparison(repository: Repository) -> None:
    """It is above the threshold and below the champion: only the champion's predictions tell."""
    code, there, judged = repository.release(steps=12)
    assert (there["found"], there["version"]) == ("true", "1")
    outcomes = {finding["rule"]: finding["outcome"] for finding in judged["verdict"]["findings"]}
    assert outcomes == {"accuracy": "pass", "accuracy versus champion": "fail"}
    assert code == 10


def test_an_equal_candidate_passes(repository: Repository) -> None:
    """With the champion's own recipe no row differs."""
    code, _, judged = repository.release(steps=200)
    outcomes = {finding["rule"]: finding["outcome"] for finding in judged["verdict"]["findings"]}
    assert outcomes == {"accuracy": "pass", "accuracy versus champion": "pass"}
    assert code == 0


def test_a_table_that_is_not_there_is_no_first_release(repository: Repository) -> None:
    """Whoever writes the champion's table to a wrong name hears of it, for nobody said that none serves."""
    (repository.folder / "build" / "champion.csv").unlink(missing_ok=True)
    code, judged = repository.tool("quality-gate", "--model", "build/model")
    assert code == 3
    assert "build/champion.csv" in json.dumps(judged)
