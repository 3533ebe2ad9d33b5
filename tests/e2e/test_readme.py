"""The README's workflows, copied as they stand into a user's repository, run under act."""

import re
import shutil
import textwrap
from pathlib import Path

import pytest

from tests.contracts.haproxy_process import haproxy_program
from tests.contracts.mlflow_process import mlflow_server
from tests.e2e.act_run import HERE, ROOT, US, Consumer, act_program, commit, run_workflow, used_actions
from tests.e2e.serving import serving

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
MAKEFILE = """\
train:
\tpython fit.py
evaluate:
\tpython evaluate.py
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


def test_the_pipeline_runs_as_written(tmp_path: Path) -> None:
    """`make train` and `make evaluate`, a model at build/model, a registry: from a push to the version that serves."""
    act_program()
    haproxy_program()
    for name in ("mlflow", "home"):
        (tmp_path / name).mkdir()
    (workflow,) = (block for block in BLOCKS if block.startswith("jobs:"))
    with mlflow_server(tmp_path / "mlflow") as registry, serving() as target:
        consumer = Consumer(tmp_path, {**target.environ, "MLFLOW_TRACKING_URI": registry})
        (consumer.home / "Makefile").write_text(MAKEFILE)
        (consumer.home / "requirements.txt").write_text("")
        (consumer.home / "checks.py").rename(consumer.home / "test_recipe.py")
        (consumer.home / ".github" / "workflows" / "readme.yml").write_text(f"on: push\n{workflow}")
        consumer.change(weights="first", wrong=20)
        run = consumer.push("readme.yml")
        assert run.code == 0, run.log[-6000:]
        assert "verdict=pass" in run.log
        assert target.version() == "1"
