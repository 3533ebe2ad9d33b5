"""Slots: who they say they are, and a deploy hook that works, fails, hangs or lies."""

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ml_cicd.ground.errors import InputError, OutsideError, Refused
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.slots import http as http_slots
from ml_cicd.rollout.slots.http import HttpSlots

SEVEN = Release(version="7", digest="sha256:d")


class Answers(HTTPServer):
    """Answers every request with one text and status."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.pause = 0.0
        self.text = ""

    def become(self, version: str, digest: str = "sha256:d") -> None:
        """Say who it is from now on."""
        self.text = json.dumps({"model": "digits", "version": version, "digest": digest})


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(self.server.text)))
        self.end_headers()
        for letter in self.server.text:
            self.wfile.write(letter.encode())
            time.sleep(self.server.pause)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[Answers]:
    """A slot on loopback."""
    server = Answers()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def slots(server: Answers, folder: Path, *hook: str, **environ: str) -> HttpSlots:
    """One target whose slot blue is the server."""
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return HttpSlots("production", {"blue": url}, hook, folder=folder, environ={"PATH": "/usr/bin:/bin", **environ})


def test_a_slot_says_who_it_is(server: Answers, tmp_path: Path) -> None:
    """Version and digest, as the architecture of the target demands."""
    server.become("7")
    found = slots(server, tmp_path).identify("blue")
    assert (found.release, found.problem) == (SEVEN, "")


@pytest.mark.parametrize(
    ("status", "text"),
    [(200, "hello"), (200, "[]"), (200, '{"version": 7, "digest": "d"}'), (500, "{}"), (302, "{}"), (200, "")],
)
def test_anything_else_is_a_problem(server: Answers, tmp_path: Path, status: int, text: str) -> None:
    """Not JSON, not the two texts, an error, a redirect: the slot has a problem, and nothing is raised."""
    server.status, server.text = status, text
    found = slots(server, tmp_path).identify("blue")
    assert not found.release
    assert "does not say who it is" in found.problem


def test_a_slot_that_drips_its_answer_is_a_problem(
    server: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback asks every slot first: one that never ends its answer must not hold it up."""
    monkeypatch.setattr(http_slots, "ANSWER_SECONDS", 0.2)
    server.become("7")
    server.pause = 0.05
    assert "too slowly" in slots(server, tmp_path).identify("blue").problem


@contextmanager
def raw(*pieces: bytes, pause: float) -> Iterator[str]:
    """A server that sends the pieces over and over, with pauses, and never ends."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        """Serve one connection."""
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                for piece in itertools.cycle(pieces) if pieces else iter(lambda: b"", None):
                    connection.sendall(piece)
                    if over.wait(pause):
                        return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()
        thread.join(timeout=10)


@pytest.mark.parametrize("pieces", [(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), ()], ids=["headers drip", "silent"])
def test_headers_and_body_share_one_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]
) -> None:
    """A slot that sends a header now and then, or nothing, is given up after one budget, and its reader ends too."""
    monkeypatch.setattr(http_slots, "ANSWER_SECONDS", 0.3)
    before = threading.active_count()
    first, *headers = pieces or (b"",)
    with raw(first, *headers, pause=0.05) as url:
        host = HttpSlots("production", {"blue": url}, (), folder=tmp_path, environ={})
        found = host.identify("blue")
        assert "too slowly" in found.problem or "timed out" in found.problem
        end = time.monotonic() + 10
        while threading.active_count() > before + 1 and time.monotonic() < end:
            time.sleep(0.02)
        assert threading.active_count() <= before + 1  # the server's own


def test_the_slot_that_is_to_serve_is_enough(server: Answers, tmp_path: Path) -> None:
    """The other one is asked at the same time; it never answers, and nobody waits for it."""
    server.become("7")
    with raw(b"HTTP/1.1 200 OK\r\n", pause=0.05) as url:
        urls = {"blue": url, "green": f"http://127.0.0.1:{server.server_address[1]}"}
        host = HttpSlots("production", urls, (), folder=tmp_path, environ={})
        found = host.identify_all(("blue", "green"), enough=SEVEN)
    assert found["green"].release == SEVEN
    assert "did not answer in time" in found["blue"].problem


def test_the_hook_gets_all_it_needs(server: Answers, tmp_path: Path) -> None:
    """It runs in the configuration's folder, with the slot and the version in its environment and no token of ours."""
    server.become("7")
    hook = ("sh", "-c", 'env > seen; test -z "$GITHUB_TOKEN"')
    ours = {"GITHUB_TOKEN": "secret", "ACTIONS_RUNTIME_TOKEN": "secret"}
    there = slots(server, tmp_path, *hook, **ours, ACTIONS_ID_TOKEN_REQUEST_URL="granted")
    assert there.deploy("blue", model="digits", release=SEVEN).release == SEVEN
    seen = (tmp_path / "seen").read_text()
    assert "secret" not in seen
    assert "ACTIONS_ID_TOKEN_REQUEST_URL=granted\n" in seen  # the caller's permission, for a login to the cloud
    for line in ("SLOT=blue", "MODEL=digits", "VERSION=7", "DIGEST=sha256:d", "TARGET=production"):
        assert f"ML_CICD_{line}\n" in seen


def test_a_failing_hook_shows_its_last_lines(server: Answers, tmp_path: Path) -> None:
    """The exit code and what it printed last."""
    with pytest.raises(OutsideError, match="ended with 3: no space left"):
        slots(server, tmp_path, "sh", "-c", "echo no space left; exit 3").deploy("blue", model="digits", release=SEVEN)


def test_a_hook_that_cannot_be_started(server: Answers, tmp_path: Path) -> None:
    """The path is wrong."""
    with pytest.raises(OutsideError, match="cannot be started"):
        slots(server, tmp_path, "./nowhere.sh").deploy("blue", model="digits", release=SEVEN)


def test_a_hook_that_hangs_is_ended(server: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It and what it started end at the limit."""
    monkeypatch.setattr(http_slots, "HOOK_SECONDS", 0.5)
    with pytest.raises(OutsideError, match="took more than"):
        slots(server, tmp_path, "sh", "-c", "sleep 600 & echo $! > pid; wait").deploy(
            "blue", model="digits", release=SEVEN
        )
    state, end = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat"), time.monotonic() + 10
    while state.exists() and state.read_text().split()[2] != "Z" and time.monotonic() < end:
        time.sleep(0.02)  # a killed process may take a moment
    assert time.monotonic() < end


@pytest.mark.parametrize(("version", "digest"), [("6", "sha256:d"), ("7", "sha256:other")])
def test_a_hook_that_lies(
    server: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, digest: str
) -> None:
    """The hook succeeds, but the slot is another version, or the same version with other bytes."""
    monkeypatch.setattr(http_slots, "READY_SECONDS", 0.5)
    server.become(version, digest)
    with pytest.raises(OutsideError, match="did not become version 7"):
        slots(server, tmp_path, "true").deploy("blue", model="digits", release=SEVEN)


def test_no_hook_is_refused(server: Answers, tmp_path: Path) -> None:
    """Somebody must deploy."""
    with pytest.raises(Refused, match="no deploy hook"):
        slots(server, tmp_path).deploy("blue", model="digits", release=SEVEN)


@pytest.mark.parametrize("url", ["http://example.com", "ftp://127.0.0.1", "file:///etc/passwd", "127.0.0.1:1", ""])
def test_an_address_that_anybody_could_read_is_refused(tmp_path: Path, url: str) -> None:
    """Plain HTTP stays on this machine or a private network."""
    with pytest.raises(InputError, match="blue"):
        HttpSlots("production", {"blue": url}, (), folder=tmp_path, environ={})


@pytest.mark.parametrize("url", ["https://example.com", "http://10.0.0.3:80", "http://localhost:1", "http://[::1]:1"])
def test_private_or_encrypted_addresses_are_taken(tmp_path: Path, url: str) -> None:
    """Loopback, private networks, and https anywhere."""
    assert HttpSlots("production", {"blue": url}, (), folder=tmp_path, environ={})
