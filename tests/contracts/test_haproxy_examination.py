"""What can be seen of an HAProxy from outside, on a real one."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml_cicd.ground.finding import Finding
from ml_cicd.rollout.routers import haproxy_examination
from ml_cicd.rollout.routers.haproxy_examination import examine
from ml_cicd.rollout.slots.hook import examine_hook
from tests.contracts.haproxy_process import Proxy, haproxy_program, running_haproxy


def by_rule(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    """Return findings by rule."""
    return {found.rule: found for found in findings}


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """Run one HAProxy."""
    with running_haproxy() as proxy:
        yield proxy


@contextmanager
def master(folder: Path) -> Iterator[str]:
    """Run the same configuration under a master process, and return the master's socket."""
    path = folder / "m.sock"
    command = [haproxy_program(), "-W", "-db", "-S", str(path), "-f", str(folder / "haproxy.cfg")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while "#<PID>" not in haproxy_examination._said(str(path), "show proc") and time.monotonic() < end:
            time.sleep(0.05)
        yield str(path)
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_all_is_well(proxy: Proxy) -> None:
    """Socket, clock and folder pass, and no more is said."""
    found = by_rule(proxy.router().examine())
    assert set(found) == {"socket", "clock", "map's folder"}
    assert not any(one.blocks or one.cure for one in found.values())


def test_a_master_socket_is_named(proxy: Proxy) -> None:
    """Its answers stay open, so that a router door only sees silence: the kind is told, with what to write instead."""
    proxy.stop()
    with master(proxy.folder) as path:
        found = by_rule(examine(path, proxy.folder / "split.map"))
    assert "master socket" in found["socket"].reason
    assert "stats socket" in found["socket"].cure
    assert found["socket"].blocks


def test_what_is_no_socket(tmp_path: Path) -> None:
    """The map's path written as the socket's is named at once; no socket at all is the router's own line."""
    (tmp_path / "map").write_text("", "utf-8")
    assert "is not a socket" in by_rule(examine(str(tmp_path / "map"), tmp_path / "map"))["socket"].reason
    assert "socket" not in by_rule(examine(str(tmp_path / "absent"), tmp_path / "map"))


def test_a_full_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than what a few writes need is a problem before the write that fails."""
    monkeypatch.setattr(haproxy_examination, "LEAST_BYTES", 2**80)
    found = by_rule(examine(str(tmp_path / "absent"), tmp_path / "map"))["map's folder"]
    assert found.blocks
    assert "is full" in found.reason
    absent = by_rule(examine(str(tmp_path / "absent"), tmp_path / "none" / "map"))["map's folder"]
    assert "cannot be looked at" in absent.reason


def test_a_deploy_hook_that_cannot_start(tmp_path: Path) -> None:
    """Absent, not executable, not on PATH: each is told without running anything."""
    hook = tmp_path / "deploy"
    assert "There is no file" in examine_hook(("./deploy",), tmp_path, {}).reason
    hook.write_text("#!/bin/sh\n", "utf-8")
    hook.chmod(0o644)
    assert "not executable" in examine_hook(("./deploy",), tmp_path, {}).reason
    hook.chmod(0o755)
    assert not examine_hook(("./deploy", "now"), tmp_path, {}).blocks
    assert "not on PATH" in examine_hook(("deploy",), tmp_path, {"PATH": "/nowhere"}).reason
    assert not examine_hook(("deploy",), tmp_path, {"PATH": str(tmp_path)}).blocks
    assert not examine_hook((), tmp_path, {}).blocks
