"""What surrounds an HAProxy and can be seen from outside: its socket's kind, the map's folder, its clock, and its
configuration where that can be read.
"""

import contextlib
import os
import shutil
import socket
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_cicd.ground.errors import OutsideError
from ml_cicd.ground.finding import Finding, Outcome, broken, remark
from ml_cicd.rollout.routers import haproxy_socket
from ml_cicd.rollout.routers.haproxy_configuration import examine_configuration

SECONDS = 1.5
LEAST_BYTES = 2**20  # a state and its looks are some kB; what else fills the disk is faster than they
CLOCK_SECONDS = 5.0


def examine(path: str, map_file: Path, slots: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Look at all of them; a socket that does not answer is no finding of this one."""
    found = _socket(path)
    if found is None:
        return (_folder(map_file.parent),)
    return (found, *(() if found.blocks else _process(path, map_file, slots)), _folder(map_file.parent))


def _process(path: str, map_file: Path, slots: Sequence[str]) -> tuple[Finding, ...]:
    try:
        facts = haproxy_socket.info(path)
    except OutsideError:
        return ()
    return (*_clock(facts), *examine_configuration(facts.get("Pid", ""), map_file, slots))


def _socket(path: str) -> Finding | None:
    rule = "socket"
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return broken(rule, f"{path} is not a socket.", "Name the path of HAProxy's `stats socket`.")
    processes = _said(path, "show proc")
    if not processes:
        return None
    if "master" in processes and not processes.startswith("Unknown command"):
        return broken(
            rule,
            f"{path} is HAProxy's master socket (its option -S), which knows no maps and no counters.",
            "Name the worker's `stats socket` in targets.<name>.router.socket.",
        )
    level = _said(path, "show cli level").strip()
    if level and level != "admin":
        return broken(rule, f"{path} has the level {level}, which may not change a map.", "Give it `level admin`.")
    return Finding(rule=rule, outcome=Outcome.PASS, reason=f"{path} (level {level or 'not told'})")


def _said(path: str, command: str) -> str:
    """Return an answer's first part: a master's socket stays open after it, so that nobody may wait for its end."""
    said = b""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        while b"\n\n" not in said and (block := connection.recv(4096)):
            said += block
    return said.decode(errors="replace")


def _clock(facts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Compare HAProxy's start plus its uptime with the clock: they part when the clock was set meanwhile."""
    rule = "clock"
    try:
        then = int(facts["Start_time_sec"]) + int(facts["Uptime_sec"])
    except (KeyError, ValueError):
        return ()
    apart = time.time() - then
    if abs(apart) > CLOCK_SECONDS:
        what = f"Since HAProxy started the clock was set, or HAProxy stood still: they are {apart:+.0f} s apart."
        return (
            remark(
                rule,
                what,
                "Leases end by this clock: keep it in step (NTP), and do not roll out while it is being set.",
            ),
        )
    return (Finding(rule=rule, outcome=Outcome.PASS, reason="was not set since HAProxy started"),)


def _folder(folder: Path) -> Finding:
    rule = "map's folder"
    try:
        free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
    except OSError as problem:
        return broken(rule, f"{folder} cannot be looked at: {problem}.", "Correct targets.<name>.router.map.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return broken(rule, f"{folder} may not be written by this user.", "The map and its state are replaced there.")
    if free < LEAST_BYTES or (files.f_files and not files.f_favail):
        return broken(
            rule, f"{folder} is full: {free // 1024} KiB are free.", "Free space: each look is written there."
        )
    return Finding(rule=rule, outcome=Outcome.PASS, reason=f"{folder}: {free // 2**20:,} MiB free")
