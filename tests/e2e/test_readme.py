"""The README's step of a workflow, copied as it stands into a stranger's job, runs under act to a verdict."""

import re
import shutil
import textwrap
from pathlib import Path

import pytest

from tests.e2e.act_run import HERE, ROOT, US, act_program, commit, run_workflow, used_actions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
JOB = """\
name: Gate
on: push
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      - run: python fit.py && python evaluate.py && python to_parquet.py
"""
TO_PARQUET = """\
import duckdb

duckdb.sql("COPY (FROM 'build/predictions.csv') TO 'build/candidate.parquet'")
"""


def test_the_gates_step_runs_as_written(tmp_path: Path) -> None:
    """Model and table are where it says, and it passes with its three thresholds."""
    act_program()
    home = tmp_path / "home-of-a-user"
    shutil.copytree(HERE / "consumer", home, ignore=shutil.ignore_patterns("__pycache__", "workflows", "ml-cicd.yml"))
    (home / "to_parquet.py").write_text(TO_PARQUET)
    (step,) = (block for block in BLOCKS if block.startswith(f"- uses: {US.partition('@')[0]}/actions/quality-gate@v1"))
    workflow = home / ".github" / "workflows" / "gate.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(JOB + textwrap.indent(step, "      "), encoding="utf-8")
    commit(home)
    (tmp_path / "home").mkdir()
    run = run_workflow(home, "gate.yml", used_actions(tmp_path), {}, {})
    assert run.code == 0, run.log[-6000:]
    assert "verdict=pass" in run.log
    for rule in ("accuracy", "f1_score", "latency_p99_ms"):
        assert rule in run.log
