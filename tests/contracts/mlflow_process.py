"""A real MLflow server on a free loopback port, for as long as a test needs it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 120


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(folder: Path, *options: str, **variables: str) -> Iterator[str]:
    """Serve a fresh sqlite store in `folder`; yield the address."""
    program = Path(sys.executable).with_name("mlflow")
    command = [str(program) if program.exists() else shutil.which("mlflow") or "mlflow", "server", "-w", "1", *options]
    command += ["--host", "127.0.0.1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environ |= variables
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port)], cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(server, uri, folder)
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(server: "subprocess.Popen[bytes]", uri: str, folder: Path) -> None:
    for _ in range(START_SECONDS * 5):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"The MLflow server did not start:\n{(folder / 'server.log').read_text()[-3000:]}")
