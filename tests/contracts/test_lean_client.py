"""The registry's contracts with what an action has of MLflow's client: the packages of two locks, and no more."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = ["tests/contracts/test_registry_contract.py", "-k", "sqlite or http"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "tests.contracts.lean_client", "-p", "no:cacheprovider"]
IMPORTS = """
import sys
sys.path.insert(0, ".")
from tests.contracts.lean_client import ABSENT
import importlib
for name in ("databricks.sdk", "git", "uvicorn"):
    assert name.partition(".")[0] in ABSENT.names, name
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} is there")
"""


def test_what_the_locks_leave_out_is_out() -> None:
    """The plugin takes away what MLflow asks for and no lock holds, so that the suite below shows something."""
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, cwd=ROOT)


@pytest.mark.slow
def test_the_contracts_hold_without_what_the_locks_leave_out() -> None:
    """Register, aliases, ledger, downloads: in a file and behind a real server, with three fifths of the packages."""
    answer = subprocess.run([*PYTEST, *SUITE], check=False, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert "skipped" not in answer.stdout.splitlines()[-1], answer.stdout[-3000:]
