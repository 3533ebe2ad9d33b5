"""Serve one version on one slot: POST /predict, GET /identity. Standard library and torch only.

    python server.py --port 9001 --folder slots/blue/2 --pid-file slots/blue.pid --model NAME --version 2 --digest ...

`{"inputs": [[...], ...]}`, a row each, is answered by `{"outputs": [...], "version": "2"}`. The folder is the local
copy that `deploy.py` has verified; nothing is fetched here. The pid file stays locked for as long as the server lives,
so that whoever holds its lock knows that no server runs. With `--lifeline FILE` the server ends when nobody holds a
lock on FILE any more.
"""

import argparse
import fcntl
import json
import os
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, ClassVar

import torch

LARGEST_BODY = 1_000_000


def load(folder: Path) -> Callable[[Any], Any]:
    """Load the model; what it returns takes the rows of a request and gives the rows of the answer."""
    torch.set_num_threads(1)  # requests come in threads of their own
    program = torch.export.load(folder / "data" / "model.pt2").module()

    def predict(rows: Any) -> Any:  # noqa: ANN401  # whatever JSON can say
        with torch.no_grad():
            return program(torch.tensor(rows, dtype=torch.float32)).tolist()

    return predict


class Handler(BaseHTTPRequestHandler):
    """Answer in JSON over kept-alive connections; a failing prediction is a 500 that names its version."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    identity: ClassVar[dict[str, str]] = {}
    predict: ClassVar[Callable[[Any], Any]]

    def do_GET(self) -> None:
        """Say who serves here."""
        self._answer(200, self.identity) if self.path == "/identity" else self._answer(404, {"error": "unknown path"})

    def do_POST(self) -> None:
        """Predict."""
        length = int(self.headers.get("Content-Length", "0"))
        if self.path != "/predict" or not 0 < length <= LARGEST_BODY:
            self.close_connection = True
            self._answer(404, {"error": "POST /predict takes a JSON body of at most a megabyte"})
            return
        body = self.rfile.read(length)
        try:
            outputs = type(self).predict(json.loads(body)["inputs"])
        except Exception as problem:  # noqa: BLE001  # whatever the model raises, the caller gets an answer
            self._answer(500, {"error": str(problem), "version": self.identity["version"]})
            return
        self._answer(200, {"outputs": outputs, "version": self.identity["version"]})

    def log_message(self, *_: object) -> None:
        """Say nothing for each request."""

    def _answer(self, status: int, content: Mapping[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A thread for each connection; many may come at once."""

    daemon_threads = True
    request_queue_size = 128


def hold(pid_file: Path) -> IO[str]:
    """Lock the pid file and write our number into it; raises BlockingIOError while another server lives."""
    handle = pid_file.open("a+", encoding="ascii")
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def end_with(lifeline: Path) -> None:
    """End this process as soon as nobody holds the lock on `lifeline`."""
    with lifeline.open(encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
    os._exit(0)


def main() -> None:
    """Load the model, then listen."""
    parser = argparse.ArgumentParser(description="Serve one version of a model.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--digest", required=True)
    parser.add_argument("--pid-file", type=Path, required=True)
    parser.add_argument("--lifeline", type=Path)
    asked = parser.parse_args()
    handle = hold(asked.pid_file)
    if asked.lifeline:
        threading.Thread(target=end_with, args=(asked.lifeline,), daemon=True).start()
    Handler.identity = {"model": asked.model, "version": asked.version, "digest": asked.digest}
    Handler.predict = load(asked.folder)
    with handle, Server(("127.0.0.1", asked.port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
