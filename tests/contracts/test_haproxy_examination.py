"""What can be seen of an HAProxy from outside, on a real one."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml_cicd.ground.finding import Finding
from ml_cicd.rollout.routers import haproxy_examination
from ml_cicd.rollout.routers.haproxy_configuration import (
    _retries,
    _timeouts,
    examine_configuration,
    read_backends,
)
from ml_cicd.rollout.routers.haproxy_examination import examine
from ml_cicd.rollout.slots.hook import examine_hook
from tests.contracts.haproxy_process import TEMPLATE, Proxy, haproxy_program, running_haproxy

TEXT = TEMPLATE.read_text("utf-8")


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
    """Socket, clock, folder and the template's own configuration pass, and no more is said."""
    found = by_rule(proxy.router().examine())
    assert set(found) == {"socket", "clock", "map's folder", "timeouts", "retries and checks"}
    assert found["timeouts"].reason == "server 30s, connect 2s"
    assert not any(one.blocks or one.cure for one in found.values())


@pytest.mark.parametrize(
    ("line", "instead", "words"),
    [
        ("  timeout server 30s", "", "no `timeout server`"),
        ("  timeout connect 2s", "", "no `timeout connect`"),
        ("default-server check", "default-server", "does not check its servers"),
        ("  retries 1", "  retries 0", "not tried again"),
        ("  retries 1", "", "once for each retry"),
        ("  retries 1", "  retries 1\n  retry-on all-retryable-errors", "once for each retry"),
        ("  stick-table type string len 32 size 100 store gpc0", "", "no table `charged`"),
        ("backend green-deputy", "backend green-other", "no backend `green-deputy`"),
    ],
)
def test_a_configuration_that_helps_nobody_is_a_remark(line: str, instead: str, words: str) -> None:
    """What the template has and this one lacks is told, without a doubt about the rest."""
    ours = TEXT.replace(line, instead)
    assert ours != TEXT
    backends = read_backends(ours, ("blue", "green"))
    found = [remark for remark in (_timeouts(backends), _retries(backends)) if remark.cure]
    assert [words in one.reason for one in found] == [True]
    assert not found[0].blocks


def test_a_retry_needs_another_server() -> None:
    """Where a slot has several servers, a retry that stays at the first one helps nobody; with one it is fine."""
    alone = TEXT.replace("  option redispatch\n", "")
    assert not _retries(read_backends(alone, ("blue", "green"))).cure
    more = alone.replace("backend green\n", "backend green\n  server s2 127.0.0.1:9\n")
    assert (
        "Slot green: a retry goes to the server that has just failed"
        in _retries(read_backends(more, ("blue", "green"))).reason
    )


def test_what_cannot_be_told_is_not_said(proxy: Proxy, tmp_path: Path) -> None:
    """Another process, none at all, a configuration of another map, sections that inherit by name: silence."""
    pid, slots = str(proxy.process.pid), ("blue", "green")
    ours = proxy.folder / "split.map"
    assert len(examine_configuration(pid, ours, slots)) == 2
    assert examine_configuration(str(os.getpid()), ours, slots) == ()
    assert examine_configuration("", ours, slots) == ()
    assert examine_configuration(pid, tmp_path / "other.map", slots) == ()
    assert examine_configuration(pid, ours, ("blue", "violet")) == ()
    assert read_backends(TEXT.replace("backend blue", "backend blue from usual"), slots) == ()


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
