"""A prepared tool environment, so that no action installs anything here."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.actions.composite_runner import ActionResult, run_action

ROOT = Path(__file__).resolve().parents[2]
Act = Callable[..., ActionResult]


@pytest.fixture
def act(tmp_path: Path) -> Act:
    """Run an action of this repository in an empty workspace, with this environment's interpreter."""

    def go(name: str, inputs: Mapping[str, str], environ: Mapping[str, str] | None = None) -> ActionResult:
        action = ROOT / "actions" / name if name else ROOT
        environ = {"ML_CICD_TOOL_ENV": sys.executable, **(environ or {})}
        given = {"python": sys.executable, **inputs}
        return run_action(action, given, workspace=tmp_path, environ=environ)

    return go
