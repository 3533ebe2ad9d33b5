"""What the demo runs on: a fresh folder, free ports, HAProxy, two slots, a load. All of it ends with the demo."""

import contextlib
import fcntl
import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from deploy import stop

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent / "haproxy" / "haproxy.cfg.template"
EXAMPLE = ("ml-cicd.yml", "train.py", "deploy.py", "server.py", "load.py")
SLOTS = ("blue", "green")
RATE = 300
LONGEST_SECONDS = 600
PATIENCE = 15.0
LONGEST_FOLDER = 70  # the path of a Unix socket has room for about 100 characters


class Failed(Exception):
    """Something did not happen as described."""


class Place:
    """A work folder that looks like a user's repository, and the processes that run for it."""

    def __init__(self, folder: Path) -> None:
        """Empty the folder, lock it for as long as this process lives, and copy the example into it."""
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lifeline = self.folder / "demo.lock"
        if any(self.folder.iterdir()) and not self.lifeline.exists():
            raise Failed(f"{self.folder} is not empty and not a demo's folder.")
        self._lock = self.lifeline.open("a", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise Failed(f"Another demo runs in {self.folder}.") from problem
        for old in self.folder.iterdir():
            if old != self.lifeline:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        for name in EXAMPLE:
            shutil.copy(HERE / name, self.folder / name)
        (self.folder / "slots").mkdir()
        self._short = None if len(str(self.folder)) < LONGEST_FOLDER else tempfile.TemporaryDirectory(prefix="digits-")
        self.socket = Path(self._short.name if self._short else self.folder) / "haproxy.sock"
        self.port, *ports = free_ports(1 + len(SLOTS))
        self.ports = dict(zip(SLOTS, ports, strict=True))
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> Mapping[str, str]:
        """What the configuration file reads with `env:`, and this Python first on the path."""
        urls = {f"DIGITS_{slot.upper()}": f"http://127.0.0.1:{port}" for slot, port in self.ports.items()}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ML_CICD_", "GITHUB_"))},
            **urls,
            "DIGITS_SOCKET": str(self.socket),
            "DIGITS_MAP": str(self.folder / "split.map"),
            "SERVE_LIFELINE": str(self.lifeline),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def run(self, *command: str) -> int:
        """Run one command in the folder, its output on this terminal; return its exit code."""
        sys.stdout.flush()
        child = self._start(*command)
        code = child.wait()
        self._running.remove(child)
        return code

    def ml_cicd(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run one `ml-cicd` command as a user would, check its exit code, return its report."""
        print(f"$ {shlex.join(['ml-cicd', *arguments])}")
        got = self.run(sys.executable, "-m", "ml_cicd", *arguments)
        if got != code:
            raise Failed(f"ml-cicd {arguments[0]} ended with {got}, not {code}.")
        report: dict[str, Any] = json.loads(self.text(f"ml-cicd-reports/{arguments[0]}/report.json"))
        return report

    def text(self, name: str) -> str:
        """Read a file of the folder."""
        return (self.folder / name).read_text(encoding="utf-8")

    def start_router(self) -> None:
        """Start HAProxy in front of both slots."""
        haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
        if haproxy is None:
            raise Failed("HAProxy is not installed. Run `make setup`.")
        (self.folder / "split.map").write_text("split blue:green:0:0:none:0\n", encoding="ascii")
        names = {"socket": str(self.socket), "map": str(self.folder / "split.map"), "port": str(self.port)}
        names |= {f"{slot}_port": str(port) for slot, port in self.ports.items()}
        text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(names)
        (self.folder / "haproxy.cfg").write_text(text, encoding="utf-8")
        leash = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        self._start(*leash, haproxy, "-q", "-db", "-f", "haproxy.cfg", apart=True)
        self._wait_until(self.socket.exists, "HAProxy did not start.")

    def start_load(self) -> None:
        """Start replaying held-out images; it stops by itself in any case."""
        options = {"port": self.port, "rate": RATE, "seconds": LONGEST_SECONDS, "images": "build/images.json"}
        options |= {"out": "load.json", "lifeline": self.lifeline}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._start(sys.executable, "load.py", *words, apart=True)
        self._wait_until((self.folder / "load.json").exists, "The load did not start.")

    def load(self) -> dict[str, Any]:
        """Return what the load has counted so far."""
        time.sleep(1)  # it writes every half second
        tally: dict[str, Any] = json.loads(self.text("load.json"))
        return tally

    def predict(self) -> dict[str, Any]:
        """Ask the service about one held-out image, through the router."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request(
                "POST", "/predict", json.dumps({"inputs": [json.loads(self.text("build/images.json"))[0]]})
            )
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer

    def close(self) -> None:
        """End everything, newest first: the command that runs, the load, the router, then the slots' servers."""
        for child in reversed(self._running):
            child.terminate()
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for slot in SLOTS:
            stop(self.folder / "slots" / f"{slot}.pid")
        if self._short:
            self._short.cleanup()

    def _start(self, *command: str, apart: bool = False) -> subprocess.Popen[bytes]:
        """Start a command; `apart` keeps a Ctrl-C on the terminal from it, so that things end in order."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:  # no interruption between the start and the list
            child = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                start_new_session=apart,
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before),  # noqa: PLW1509  # no threads here
            )
            self._running.append(child)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child

    def _wait_until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        end = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > end or self._running[-1].poll() is not None:
                raise Failed(otherwise)
            time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Return ports on 127.0.0.1 that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
