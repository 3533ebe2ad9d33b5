"""What the consumer's target is made of: HAProxy, two slots that a deploy hook can fill, and a steady load."""

import http.client
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

from tests.contracts.haproxy_process import TEMPLATE, free_port, start_haproxy

PAUSE_SECONDS = 0.005


class Slot(ThreadingHTTPServer):
    """Answers with its version; `POST /become` makes it another one."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free port and serve nothing yet."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.identity = "{}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet when HAProxy ends with a connection open."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Slot

    def do_GET(self) -> None:
        """Say who serves."""
        self._answer(self.server.identity)

    def do_POST(self) -> None:
        """Become what the body says."""
        self.server.identity = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer("")

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A running target, as the consumer's configuration reads it, and its front port."""

    environ: dict[str, str]
    port: int

    def version(self) -> str:
        """Which version answers a request through the router."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/")
            return str(json.loads(connection.getresponse().read())["version"])
        finally:
            connection.close()


def _load(port: int, stop: threading.Event) -> None:
    """Ask again and again on one connection; a broken one is made anew."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not stop.wait(PAUSE_SECONDS):
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
    connection.close()


@contextmanager
def serving() -> Iterator[Serving]:
    """Run the target on free loopback ports; all of it ends with the block."""
    slots, stop, port = {"blue": Slot(), "green": Slot()}, threading.Event(), free_port()
    threads = [threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.05}) for s in slots.values()]
    threads.append(threading.Thread(target=_load, args=(port, stop)))
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as temp:  # short: a socket's path has 107 characters at most
        folder = Path(temp)
        names = {"socket": str(folder / "h.sock"), "map": str(folder / "split.map"), "port": str(port)}
        names |= {f"{name}_port": str(slot.server_address[1]) for name, slot in slots.items()}
        (folder / "haproxy.cfg").write_text(Template(TEMPLATE.read_text("utf-8")).substitute(names), "utf-8")
        (folder / "split.map").write_text("split blue:green:0:0:none:0\n", "utf-8")
        haproxy = start_haproxy(folder)
        for thread in threads:
            thread.start()
        environ = {"HAPROXY_SOCKET": names["socket"], "HAPROXY_MAP": names["map"]}
        environ |= {f"SLOT_{name.upper()}": slot.url for name, slot in slots.items()}
        try:
            yield Serving(environ=environ, port=port)
        finally:
            stop.set()
            haproxy.terminate()
            haproxy.wait(timeout=10)
            for slot in slots.values():
                slot.shutdown()
                slot.server_close()
            for thread in threads:
                thread.join(timeout=15)
