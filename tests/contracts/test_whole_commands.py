"""Whole commands, as somebody at night types them, over a real HAProxy and a registry that drips for ever."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ml_cicd.rollout.state import Split
from tests.contracts.haproxy_process import Proxy, running_haproxy
from tests.contracts.test_mlflow_reach import HALF_AN_ANSWER, dripping
from tests.fakes.model_folder import model_folder

pytestmark = pytest.mark.slow
PATIENCE = 20.0  # what is promised
STARTING = 20.0  # a busy machine takes its time to load MLflow's client: a bound for hangs, and not a speed
CONFIGURATION = """
version: 1
model: m
registry: {{uri: 'http://127.0.0.1:{registry}'}}
targets:
  production:
    router: {{kind: haproxy, socket: {socket}, map: {map}}}
    slots: {{blue: {{url: 'http://127.0.0.1:{blue}'}}, green: {{url: 'http://127.0.0.1:{green}'}}}}
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A folder with a configuration, and the proxy that it names."""

    folder: Path
    proxy: Proxy

    def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Run a command to its end; return its exit code, its report and what it printed."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-m", "ml_cicd", *arguments],
            cwd=self.folder,
            env=environ,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE + STARTING,
        )
        report = json.loads((self.folder / "ml-cicd-reports" / arguments[0] / "report.json").read_text("utf-8"))
        return done.returncode, report, done.stdout + done.stderr


@pytest.fixture(params=[0, 2], ids=["from the first byte", "once it has answered"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """Version 2 serves from green by the slots' own words, version 1 is in blue; the registry drips."""
    with running_haproxy() as proxy, dripping(HALF_AN_ANSWER, honest=request.param) as uri:
        for version, slot in (("1", "blue"), ("2", "green")):
            digest = f"sha256:{int(version):064x}"
            proxy.slots[slot].identity = json.dumps({"model": "m", "version": version, "digest": digest})
        router = proxy.router()
        router.set_split(Split(serving="green", idle="blue", seq=1), None, expect_seq=0)
        ports = {name: slot.server_address[1] for name, slot in proxy.slots.items()}
        places = {"socket": proxy.settings.socket, "map": proxy.settings.map, "registry": uri.rpartition(":")[2]}
        (tmp_path / "ml-cicd.yml").write_text(CONFIGURATION.format(**ports, **places), "utf-8")
        yield Scene(folder=tmp_path, proxy=proxy)


def test_status_ends(scene: Scene) -> None:
    """It says what serves, and that the registry did not answer."""
    code, report, _ = scene.run("status")
    assert code == 4
    assert report["outputs"]["champion"] == "2"
    assert "Registry: " in report["headline"]


def test_doctor_ends(scene: Scene) -> None:
    """The registry is one finding, and all that needs none is looked at."""
    code, report, _ = scene.run("doctor")
    rules = {found["rule"]: found["outcome"] for found in report["verdict"]["findings"]}
    assert code == 4
    assert rules["registry"] != "pass"
    assert rules["production: slot green"] == "pass"


def test_rollback_moves_traffic_and_ends(scene: Scene) -> None:
    """Traffic first, by force since no registry knows the digest; the record is what is left."""
    code, report, said = scene.run("rollback", "--to", "1", "--force", "--reason", "errors")
    assert scene.proxy.router().read(urgent=True).split.serving == "blue"
    assert scene.proxy.served_by(5) == {"blue": 5}
    assert code == 12, said
    assert "--to 1" in report["cure"]
    assert said.index("Traffic is at slot blue") < said.index("Writing the record")


def test_register_ends(scene: Scene) -> None:
    """Nothing is registered, and it is said."""
    (scene.folder / "m.json").write_text('{"accuracy": {"value": 0.98, "n": 2000}}', "utf-8")
    model_folder(scene.folder / "model")
    code, _, said = scene.run("quality-gate", "--metrics=m.json", "--thresholds=accuracy: 0.95", "--model=model")
    assert code == 0, said
    code, _, said = scene.run("register", "--model=model", "--gate-report=ml-cicd-reports/quality-gate/report.json")
    assert code == 4, said
