"""The demo, run as a user runs it: all of it, and interrupted at several points."""

import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "examples" / "digits" / "demo.py"
# While it trains; while the deploy hook downloads and starts a server; while a canary runs under load.
POINTS = (
    pytest.param("Before:", 1.0, True, id="training, Ctrl-C"),
    pytest.param("registered as version 1", 3.0, True, id="deploying, Ctrl-C"),
    pytest.param("registered as version 2", 15.0, False, id="canary, SIGTERM"),
)
LONGEST_SECONDS = 400


def _missing() -> str:
    if shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        return "HAProxy is not installed"
    parts = [name for name in ("torch", "sklearn", "mlflow") if importlib.util.find_spec(name) is None]
    return f"{', '.join(parts)} not installed" if parts else ""


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.skipif(bool(_missing()), reason=_missing())]


def _start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, str(DEMO), "--folder", str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _left_behind(folder: Path) -> list[str]:
    """Command lines of live processes that name the folder or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            here = (process / "cwd").readlink()
        except OSError:
            continue
        if line and int(process.name) != os.getpid() and (str(folder) in line or here.is_relative_to(folder)):
            found.append(line)
    return found


def _ports(folder: Path) -> list[int]:
    """Ports that HAProxy's configuration names."""
    words = (folder / "haproxy.cfg").read_text(encoding="utf-8").split() if (folder / "haproxy.cfg").exists() else []
    return [int(word.rpartition(":")[2]) for word in words if word.startswith("127.0.0.1:")]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _assert_nothing_left(folder: Path) -> None:
    end = time.monotonic() + 10  # a process that was told to end may take a moment
    while (left := _left_behind(folder)) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []
    assert [port for port in _ports(folder) if _is_open(port)] == []
    with (folder / "demo.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_everything_happens_as_described(tmp_path: Path) -> None:
    """The whole demo ends with 0 within its time, writes its report, and leaves no process and no port."""
    folder, log = tmp_path / "run", tmp_path / "log"
    demo = _start(folder, log)
    try:
        code = demo.wait(LONGEST_SECONDS)
    finally:
        demo.terminate()
        demo.wait(60)
    assert code == 0, log.read_text(encoding="utf-8")[-6000:]
    report = (folder / "report.md").read_text(encoding="utf-8")
    for sentence in (
        "version 2 is promoted",
        "version 3 is rolled back",
        "the gate refuses version 4",
        "version 1 is back",
    ):
        assert sentence in report
    _assert_nothing_left(folder)


@pytest.mark.parametrize(("point", "delay", "by_terminal"), POINTS)
def test_an_interrupted_demo_leaves_nothing(point: str, delay: float, by_terminal: bool, tmp_path: Path) -> None:
    """Interrupted after any of these points, by Ctrl-C or SIGTERM, the demo ends with 130 and nothing runs on."""
    folder, log = tmp_path / "run", tmp_path / "log"
    demo = _start(folder, log)
    try:
        end = time.monotonic() + LONGEST_SECONDS
        while point not in log.read_text(encoding="utf-8"):
            assert demo.poll() is None, log.read_text(encoding="utf-8")[-6000:]
            assert time.monotonic() < end
            time.sleep(0.1)
        time.sleep(delay)
        if by_terminal:
            os.killpg(demo.pid, signal.SIGINT)
        else:
            demo.send_signal(signal.SIGTERM)
        code = demo.wait(120)
    finally:
        demo.kill()
        demo.wait(60)
    assert code == 130, log.read_text(encoding="utf-8")[-6000:]
    _assert_nothing_left(folder)


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    """The demo empties only a folder that a demo has made."""
    (tmp_path / "thesis.txt").write_text("three years", encoding="utf-8")
    demo = _start(tmp_path, tmp_path.with_suffix(".log"))
    assert demo.wait(60) == 1
    assert (tmp_path / "thesis.txt").exists()
