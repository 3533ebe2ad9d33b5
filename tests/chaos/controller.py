"""The process that is killed: the command line as it is, with short times, a registry in a file, and hooks in it.

Run as a program it is a nursery: it imports everything once, and forks one controller for each line that it reads. Each
of them is a process of its own, that kill -9 ends as it ends any other.
"""

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ml_cicd.commands import canary, rollback, status  # noqa: F401  # what a fork need not import again
from ml_cicd.registry.ports import Server
from ml_cicd.rollout import forecast
from ml_cicd.rollout.routers import haproxy  # noqa: F401
from ml_cicd.rollout.slots import http
from ml_cicd.rollout.sources import haproxy as source  # noqa: F401
from ml_cicd.shell import runner
from ml_cicd.shell.wiring import RealWorld
from tests.chaos.clock import seconds_off
from tests.chaos.moments import Moment, Moments, install
from tests.fakes.registry_file import FileRecords

IN_A_FILE = "file:"
FORECAST_SECONDS = 0.4


class World(RealWorld):
    """The outside as it is, but for a registry that a file may stand in for."""

    def records(self, uri: str) -> Server:
        """Return registry and ledger of an address."""
        return FileRecords(Path(uri.removeprefix(IN_A_FILE))) if uri.startswith(IN_A_FILE) else super().records(uri)


def control(job: Mapping[str, Any]) -> int:
    """Run one command as its process would."""
    os.chdir(job["folder"])
    environ = {"HOME": job["folder"], "PATH": os.environ["PATH"]}
    forecast.LOOKING_SECONDS = FORECAST_SECONDS
    http.ANSWER_SECONDS = job["answer_seconds"] or http.ANSWER_SECONDS
    if job["clock"]:
        _follow(Path(job["clock"]))
    journal = os.open(job["journal"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    install(Moments(journal=journal, signals={Moment(**moment): number for moment, number in job["signals"]}))
    if job["quota"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return runner.main(job["arguments"], runner.Process(environ=environ, make_world=lambda say: World(environ, say)))


def _follow(path: Path) -> None:
    """Let the clock be as many seconds off as the file says, whenever it is read."""
    real: Callable[[], float] = time.time
    time.time = lambda: real() + seconds_off(path)


def _born(job: Mapping[str, Any]) -> int:
    """Fork a controller; its output goes to a file."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = control(job)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def nurse() -> None:
    """Fork until standard input ends; say each child's number, and how it ended."""
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pending = b""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            while (ended := _ended()) is not None:
                _say({"ended": ended[0], "code": os.waitstatus_to_exitcode(ended[1])})
        if 0 in ready:
            block = os.read(0, 65536)
            if not block:
                return
            *lines, pending = (pending + block).split(b"\n")
            for line in lines:
                job = json.loads(line)
                _say({"job": job["job"], "born": _born(job)})


def _ended() -> tuple[int, int] | None:
    try:
        child, how = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (child, how) if child else None


def _say(line: Mapping[str, object]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    for module in sys.argv[1:]:
        import_module(module)
    nurse()
