"""A real HAProxy on loopback in front of two small servers, for tests; everything stops with the block."""

import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

import pytest

from ml_cicd.rollout.routers.haproxy import HaproxyRouter, Settings
from ml_cicd.rollout.sources.haproxy import HaproxySource

TEMPLATE = Path(__file__).resolve().parents[2] / "examples" / "haproxy" / "haproxy.cfg.template"
SLOTS = ("blue", "green")
START_SECONDS = 10.0


def haproxy_program() -> str:
    """Return HAProxy's path, or skip the test with its reason."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("HAProxy is not installed; `make setup` installs it")
    return found


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class SlotServer(ThreadingHTTPServer):
    """A slot: says who it is, answers `status` after `pause` seconds, 500 for every n-th request, only the beginning of
    an answer, or nothing for as long as `answers` is clear.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, *, port: int = 0) -> None:
        """Listen, on a free port if none is given."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.name = name
        self.identity = '{"model": "m", "version": "0", "digest": "none"}'
        self.fail_every = 0
        self.cut = False
        self.count = 0
        self.status = 200
        self.pause = 0.0
        self.answers = threading.Event()
        self.answers.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet when HAProxy ends with a connection open."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # an answer is two writes, and a connection that is kept would wait 40 ms between them
    )
    server: SlotServer

    def do_GET(self) -> None:
        """Answer."""
        slot = self.server
        if self.path == "/identity":
            self._answer(200, slot.identity)
            return
        slot.count += 1
        slot.answers.wait(timeout=START_SECONDS)
        time.sleep(slot.pause)
        if slot.cut:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.close_connection = True
            return
        failing = slot.fail_every and slot.count % slot.fail_every == 0
        self._answer(500 if failing else slot.status, slot.name)

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@dataclass(kw_only=True)
class Proxy:
    """A running HAProxy with its slots."""

    folder: Path
    port: int
    slots: dict[str, SlotServer]
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def settings(self) -> Settings:
        """Return the router's part of a target."""
        return Settings(socket=str(self.folder / "h.sock"), map=str(self.folder / "split.map"))

    def router(self) -> HaproxyRouter:
        """Return the door to it."""
        return HaproxyRouter(self.settings, SLOTS)

    def source(self) -> HaproxySource:
        """Return its counters."""
        return HaproxySource(self.settings, SLOTS)

    def served_by(self, requests: int, *, user: str = "", path: str = "/") -> Counter[str]:
        """Send requests through the router and count who answered."""
        found: Counter[str] = Counter()
        for _ in range(requests):
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
            if user:
                request.add_header("x-user", user)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    found[answer.read().decode()] += 1
            except urllib.error.HTTPError as problem:
                found[problem.read().decode()] += 1
        return found

    def kill_slot(self, name: str) -> None:
        """End a slot's server: its port refuses connections."""
        self.slots[name].shutdown()
        self.slots[name].server_close()

    def restart_slot(self, name: str) -> None:
        """Start a server on the port of one that was killed."""
        slot = self.slots[name] = SlotServer(name, port=self.slots[name].server_address[1])
        threading.Thread(target=slot.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def await_slot(self, name: str, *, reachable: bool) -> None:
        """Wait until HAProxy's health check says so."""
        end = time.monotonic() + START_SECONDS
        while self.source().read()[name].reachable is not reachable:
            if time.monotonic() > end:
                raise RuntimeError(f"HAProxy's check of {name} did not change.")
            time.sleep(0.02)

    def stop(self) -> None:
        """End HAProxy."""
        self.process.terminate()
        self.process.wait(timeout=10)


def start_haproxy(folder: Path) -> subprocess.Popen[bytes]:
    """Start HAProxy on the configuration in the folder and wait for its socket."""
    process = subprocess.Popen(
        [haproxy_program(), "-db", "-f", str(folder / "haproxy.cfg")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(folder / "h.sock")) == 0:
                return process
        time.sleep(0.02)
    process.kill()
    raise RuntimeError(f"HAProxy did not start: {(folder / 'haproxy.cfg').read_text('utf-8')}")


TABLES = {"times": 0, "ml-cicd-users": 1, "charged": 2}  # with the sticky counter that fills each


def without_table(text: str, *names: str) -> str:
    """Return a configuration as a user has it who has not copied these tables."""
    for name in names:
        lines = rf".*table {name}\b.*|.*sc-inc-gpc0\({TABLES[name]}\).*|backend {name}\n.*stick-table.*"
        text, found = re.subn(rf"(?m)^(?:{lines})\n", "", text)
        assert found >= 2, name
    return text


@contextmanager
def running_haproxy(*, change: Callable[[str], str] = str) -> Iterator[Proxy]:
    """Run HAProxy and two slots on free loopback ports; `change` is what a user has done to the template."""
    haproxy_program()
    slots = {name: SlotServer(name) for name in SLOTS}
    threads = [threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.05}) for s in slots.values()]
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as temp:  # short: a socket's path has 107 characters at most
        folder, port = Path(temp), free_port()
        values = {"socket": str(folder / "h.sock"), "map": str(folder / "split.map"), "port": str(port)}
        values |= {f"{name}_port": str(slot.server_address[1]) for name, slot in slots.items()}
        text = change(Template(TEMPLATE.read_text("utf-8")).substitute(values))
        (folder / "haproxy.cfg").write_text(text, "utf-8")
        (folder / "split.map").write_text("split blue:green:0:0:none:0\n", "utf-8")
        for thread in threads:
            thread.start()
        proxy = Proxy(folder=folder, port=port, slots=slots, process=start_haproxy(folder))
        try:
            yield proxy
        finally:
            if proxy.process.poll() is None:
                proxy.stop()
            for slot in slots.values():
                slot.answers.set()
                slot.shutdown()
                slot.server_close()
            for thread in threads:
                thread.join(timeout=10)
