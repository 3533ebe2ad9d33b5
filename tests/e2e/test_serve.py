"""What `init --serve` writes, started as its README says: two versions are deployed, the second proves itself."""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.haproxy_process import free_port, haproxy_program
from tests.e2e.act_run import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REPOSITORY = ROOT / "tests" / "starter" / "repositories" / "torch-mlflow"
SECONDS = """
canary: # seconds where a service with real users takes minutes
  steps: [50]
  guardrails: {errors: {margin: 0.1}, latency: {times: 3}}
  interval: 1s
  lease: 20s
  warm_up: 0s
  minimum_duration: 3s
  minimum_requests: 100
  deadline: 180s
"""


class Place:
    """A repository, the folder that it serves from, and what runs there."""

    def __init__(self, folder: Path) -> None:
        """Write the files with `init --serve`, then move the ports and shorten the canary, as a user may."""
        self.home, self.place = folder / "home", folder / "srv"
        shutil.copytree(REPOSITORY, self.home, ignore=shutil.ignore_patterns("__pycache__"))
        self.environ = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "SEED": "0"}
        self.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
        words = ["init", "--yes", "--serve", "--place", str(self.place), "--model-name", "tumours", "--owner", "acme"]
        self.ml_cicd(*words)
        self.ports = {"8080": free_port(), "9001": free_port(), "9002": free_port()}
        for path in (self.home / "ml-cicd.yml", self.home / "serve" / "haproxy.cfg"):
            text = path.read_text("utf-8")
            for old, new in self.ports.items():
                text = text.replace(f":{old}", f":{new}")
            path.write_text(text.partition("\ncanary:")[0] + (SECONDS if path.suffix == ".yml" else ""), "utf-8")
        shutil.copytree(self.home / "serve", self.place)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.place / ".venv")], check=True)
        (packages,) = (self.place / ".venv" / "lib").glob("python*/site-packages")
        (packages / "here.pth").write_text("\n".join(path for path in sys.path if path), "utf-8")

    def ml_cicd(self, *words: str) -> str:
        """Type a command in the repository; it must succeed."""
        return self.run(sys.executable, "-m", "ml_cicd", *words)

    def run(self, *command: str) -> str:
        """Run a command in the repository; it must succeed."""
        answer = subprocess.run(
            command, cwd=self.home, env=self.environ, text=True, capture_output=True, check=False, timeout=300
        )
        assert answer.returncode == 0, f"{command}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def release(self, seed: str) -> str:
        """Train, evaluate, judge, register and roll out."""
        self.environ["SEED"] = seed
        for script in ("train.py", "evaluate.py"):
            self.run(sys.executable, script)
        self.ml_cicd("quality-gate", "--model", "build/model")
        self.ml_cicd("register", "--model", "build/model")
        return self.ml_cicd("canary")

    def hook(self, option: str) -> None:
        """Call the hook by hand."""
        self.run(str(self.place / ".venv/bin/python"), str(self.place / "deploy.py"), option)

    def connect(self) -> contextlib.closing[http.client.HTTPConnection]:
        """Return a connection to the router."""
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.ports["8080"], timeout=10))

    def version(self) -> str:
        """Return which version answers; empty while none does."""
        with self.connect() as connection:
            return predict(connection)

    @contextlib.contextmanager
    def load(self) -> Iterator[list[str]]:
        """Ask again and again; what goes wrong is kept."""
        stop, wrong = threading.Event(), list[str]()

        def ask() -> None:
            with self.connect() as connection:
                while not stop.wait(0.005):
                    if not predict(connection):
                        wrong.append("no answer")
                        connection.close()

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield wrong
        finally:
            stop.set()
            thread.join(timeout=15)


def predict(connection: http.client.HTTPConnection) -> str:
    """Ask the service about one row, through the router; return the version that answered, empty for none."""
    try:
        connection.request("POST", "/predict", json.dumps({"inputs": [[1.0] * 30]}))
        answer = connection.getresponse()
        content = answer.read()
        return str(json.loads(content)["version"]) if answer.status == http.client.OK else ""
    except (OSError, http.client.HTTPException):
        return ""


@pytest.fixture
def place() -> Iterator[Place]:
    """The files, with HAProxy running on them; servers and router end with the test."""
    program = haproxy_program()
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as temp:  # short, as a socket's path must be
        made = Place(Path(temp))
        with subprocess.Popen([program, "-q", "-db", "-f", "haproxy.cfg"], cwd=made.place) as router:
            try:
                yield made
            finally:
                router.terminate()
                made.hook("--stop")


def test_what_is_written_serves(place: Place) -> None:
    """The hook deploys the first version, a canary under load promotes the second, and a restart brings it back."""
    place.release("0")
    assert place.version() == "1"
    with place.load() as wrong:
        said = place.release("1")
    assert "version 2 serves" in said
    assert wrong == []
    assert place.version() == "2"
    place.hook("--stop")
    assert place.version() == ""
    place.hook("--restart")
    end = time.monotonic() + 60
    while place.version() != "2" and time.monotonic() < end:
        time.sleep(0.2)
    assert place.version() == "2"
