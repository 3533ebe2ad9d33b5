"""Windows, as far as Linux can play it: the gate works, and what cannot work refuses in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml_cicd.commands.table import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PLAYED = """
import os, signal, socket, sys
for name in ("fcntl", "pwd", "grp", "termios", "resource"):
    sys.modules[name] = None
del socket.AF_UNIX, os.killpg, os.getuid, signal.SIGKILL
from ml_cicd.shell import runner
from ml_cicd.shell.wiring import RealWorld
runner.SYSTEM = "win32"
process = runner.Process(environ=os.environ, make_world=lambda say: RealWorld(os.environ, say))
sys.exit(runner.main(sys.argv[1:], process))
"""
CONFIG = """
version: 1
model: m
gate: {thresholds: {accuracy: 0.9}}
evidence: {predictions: p.csv}
registry: {uri: 'https://mlflow.example'}
targets:
  production:
    router: {kind: haproxy, socket: /run/h.sock, map: /etc/split.map}
    slots: {blue: {url: 'http://127.0.0.1:9001'}, green: {url: 'http://127.0.0.1:9002'}}
    hooks: {deploy: [python, deploy.py]}
"""


def on_windows(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where nothing is that Windows does not have."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    environ = {name: value for name, value in environ.items() if name not in {"LOGNAME", "USER", "USERNAME"}}
    return subprocess.run(
        [sys.executable, "-c", PLAYED, *arguments], cwd=folder, env=environ, check=False, capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose configuration names a router."""
    (tmp_path / "ml-cicd.yml").write_text(CONFIG, encoding="utf-8")
    rows = "".join(f"{i % 2},{i % 2}\n" for i in range(500))
    (tmp_path / "p.csv").write_text(f"label,prediction\n{rows}", encoding="utf-8")
    return tmp_path


def test_the_gate_works(folder: Path) -> None:
    """A table is judged, with a configuration that names what only others can reach."""
    answer = on_windows(folder, "quality-gate")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    report = json.loads((folder / "ml-cicd-reports" / "quality-gate" / "report.json").read_text("utf-8"))
    assert report["outputs"]["verdict"] == "pass"


def test_documents_can_be_held_against_their_schemas(folder: Path) -> None:
    """The settings of a router are read without what it needs to run."""
    answer = on_windows(folder, "validate", "ml-cicd.yml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("command", [name for name, entry in COMMANDS.items() if not entry.everywhere])
def test_the_rest_refuses(folder: Path, command: str) -> None:
    """Exit 2 with one sentence that says what can run; no traceback, and outputs that read like no pass."""
    answer = on_windows(folder, command)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert f"`{command}` runs on Linux and macOS, not on Windows." in answer.stdout
    assert "quality-gate, init, validate" in answer.stdout
    assert "Traceback" not in answer.stderr
