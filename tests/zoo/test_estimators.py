"""Estimators of XGBoost and LightGBM in memory are judged and registered by the Python API."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.zoo.conftest import LONGEST, PYTHON, ROOT

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("register_estimators.py")
NAMES = ["xgboost-classifier", "xgboost-regressor", "xgboost-booster", "lightgbm-classifier", "lightgbm-booster"]


def test_they_are_registered_once(tmp_path: Path) -> None:
    """Each passes the look, and is one version in another order of rows and in another process."""
    if not PYTHON.exists():
        pytest.skip("the libraries that write models are not installed: `make setup`")
    command = [str(PYTHON), str(SCRIPT), f"sqlite:///{tmp_path}/r.db"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    lines = []
    for seed in ("1", "2"):
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            env={**environ, "PYTHONHASHSEED": seed},
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        lines += [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, *_ in lines[::2]] == NAMES * 2
    assert {version for _, version, *_ in lines} == {"1"}
    assert [created for _, _, created, _ in lines] == [True, False] * len(NAMES) + [False] * 2 * len(NAMES)
    assert len({(name, digest) for name, _, _, digest in lines}) == len(NAMES)
