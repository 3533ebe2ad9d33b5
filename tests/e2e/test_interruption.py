"""A canary's process against a real HAProxy: cancelled, killed, resumed, and a map edited by hand."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_cicd.rollout.routers.haproxy_socket import map_value, set_map_value
from tests.contracts.haproxy_process import haproxy_program
from tests.e2e.serving import Serving, serving
from tests.fakes.model_folder import model_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = Path(__file__).parent / "consumer" / "ml-cicd.yml"
HOOK = CONFIG.with_name("become.py")
WAIT_SECONDS = 60.0


@dataclass
class Site:
    """A user's folder with version 1 in production and version 2 registered."""

    folder: Path
    target: Serving

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start the command line as a user does, with more variables."""
        environ = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/registry.db",
            **self.target.environ,
            "RUNNER_TEMP": str(self.folder),
            **more,
        }
        return subprocess.Popen(
            [sys.executable, "-I", "-m", "ml_cicd", *arguments],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run it to its end."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == expect, output
        return output

    def release(self, weights: str) -> None:
        """Gate and register a model."""
        shutil.rmtree(self.folder / "model", ignore_errors=True)
        model_folder(self.folder / "model", weights.encode())
        (self.folder / "metrics.json").write_text(json.dumps({"accuracy": {"value": 0.98, "n": 2000}}))
        gate = ["quality-gate", "--metrics=metrics.json", "--thresholds=accuracy: 0.95", "--model=model"]
        self.run(*gate)
        self.run("register", "--model=model")

    def split(self) -> str:
        """Value that the router holds."""
        return map_value(self.target.environ["HAPROXY_SOCKET"], self.target.environ["HAPROXY_MAP"], "split") or ""

    def start_canary(self, *, root_action: bool = False) -> subprocess.Popen[str]:
        """Start a canary and wait until the candidate gets traffic."""
        process = self.start("action", "setup", ML_CICD_COMMAND="canary") if root_action else self.start("canary")
        end = time.monotonic() + WAIT_SECONDS
        while self.split().split(":")[2] == "0":
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        return process


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running target; a rollout takes at least 20 s here, so that a test can cut it off."""
    haproxy_program()
    folder: Path = tmp_path_factory.mktemp("site")
    text = CONFIG.read_text("utf-8").replace("minimum_duration: 3s", "minimum_duration: 20s")
    text = text.replace("lease: 20s", "lease: 4s").replace("  versus_champion: {accuracy: {margin: 0.01}}\n", "")
    (folder / "ml-cicd.yml").write_text(text, encoding="utf-8")
    shutil.copy(HOOK, folder)
    with serving() as target:
        site = Site(folder, target)
        site.release("first")
        site.run("canary")
        site.release("second")
        yield site


@pytest.mark.parametrize("root_action", [False, True], ids=["command line", "root action"])
@pytest.mark.parametrize("sent", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT, signal.SIGTERM]])
def test_a_cancelled_canary_takes_traffic_back(site: Site, sent: list[signal.Signals], *, root_action: bool) -> None:
    """Ctrl-C pressed twice, or what a cancelled job gets: exit 130, and the champion has everything."""
    process = site.start_canary(root_action=root_action)
    for one in sent:
        process.send_signal(one)
        time.sleep(0.01)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "all traffic is back at the champion" in output
    assert site.split().split(":")[2] == "0"
    assert site.target.version() == "1"
    report = json.loads((site.folder / "ml-cicd-reports/canary/report.json").read_text("utf-8"))
    assert report["exit_code"] == 130


def test_the_router_forgets_a_killed_canary(site: Site) -> None:
    """Nobody writes any more after kill -9, and within the lease HAProxy itself gives everything to the champion."""
    process = site.start_canary()
    process.kill()
    process.communicate(timeout=30)
    lease = int(site.split().split(":")[3])
    while time.time() <= lease:
        time.sleep(0.2)
    assert {site.target.version() for _ in range(200)} == {"1"}
    assert site.split().split(":")[2] != "0"
    assert "running" in site.run("status")


def test_a_map_edited_by_hand_is_refused(site: Site) -> None:
    """No canary acts on a value that ml-cicd did not write: exit 4, with the way to restore it."""
    socket, path = site.target.environ["HAPROXY_SOCKET"], site.target.environ["HAPROXY_MAP"]
    before = site.split()
    set_map_value(socket, path, "split", "blue:green:lots")
    output = site.run("canary", expect=4)
    assert "was not written by ml-cicd" in output
    assert "Restore it" in output
    assert site.target.version() == "1"
    set_map_value(socket, path, "split", before)


def test_the_next_run_goes_on_with_a_killed_one(site: Site) -> None:
    """The evidence is beside the router: the same rollout goes on, and ends in promotion."""
    output = site.run("canary")
    assert "Going on with" in output
    assert "Promoted at 100 %" in output
    assert site.target.version() == "2"
