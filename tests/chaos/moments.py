"""Where a controller can be killed: before and after each effect, found while it runs.

An effect is an operation that `apply` performs, and each write to the outside within it: a file put in place or
removed, looks that reach the disk, a value given to HAProxy, a hook that starts and ends. Nobody lists the operations:
the kinds come from the machine's table. A write that none of the hooks here knows is an error, so that a new sort of
effect cannot go unnoticed.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

from ml_cicd.rollout import machine
from ml_cicd.rollout.routers import haproxy_socket
from ml_cicd.rollout.slots import http

BEFORE, AFTER = "before", "after"
READS = ("show info", "show stat", "show map")
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "subprocess.Popen"}
CHANGES |= {"os.system", "os.posix_spawn", "os.exec", "shutil.copyfile", "shutil.move", "shutil.rmtree"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Temporary files that are put in place later, looks that are synced later, locks, a hook's output, compiled modules.
OUTPUT = rf"^{re.escape(tempfile.gettempdir())}(/\w{{8}})?$"
HARMLESS = re.compile(rf"\.(map|json)\.\w{{8}}$|\.fresh$|\.lock$|\.jsonl$|^/dev/null$|^\d+$|__pycache__|{OUTPUT}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Before or after an effect: `operation` is `event Kind`, `write` one within it, or nothing."""

    operation: str
    write: str
    when: str


@dataclass
class Moments:
    """Writes down each moment as it comes, and sends `signals` where they are due, each once."""

    journal: int
    signals: dict[Moment, int] = field(default_factory=dict)
    operation: str = ""
    within: bool = False
    origins: dict[int, tuple[object, str]] = field(default_factory=dict)

    def reached(self, write: str, when: str) -> None:
        """Write it down; the process may end here."""
        moment = Moment(operation=self.operation, write=write, when=when)
        line = {"operation": moment.operation, "write": write, "when": when}
        with suppress(OSError):  # a quota that a test has set is for this file too
            os.write(self.journal, json.dumps(line).encode() + b"\n")
        number = self.signals.pop(moment, None)
        if number is not None:
            os.kill(os.getpid(), number)

    @contextmanager
    def effect(self, write: str) -> Iterator[None]:
        """Stand around a write within an operation."""
        if not self.operation:
            yield
            return
        self.reached(write, BEFORE)
        self.within, outer = True, self.within
        try:
            yield
        finally:
            self.within = outer
        self.reached(write, AFTER)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Hold against what is known each change of the outside while an operation is performed."""
        if not self.operation or self.within:
            return
        unknown = event in CHANGES and not HARMLESS.search(str(arguments[0]))
        if event == "open":
            unknown = bool(int(arguments[2] or 0) & WRITES) and not HARMLESS.search(str(arguments[0]))
        if unknown:
            line = {"unknown": f"{self.operation}: {event} {arguments[0]}"}
            os.write(self.journal, json.dumps(line).encode() + b"\n")


def install(moments: Moments) -> None:
    """Stand around every effect of this process, which does nothing else and ends with its one command."""
    _know_the_events(moments)
    for kind in {kind for row in machine.ROWS for kind in row.effects}:
        _around_operation(moments, kind)
    _around(moments, os, "replace", lambda _source, target: f"put {Path(target).name} in place")
    _around(moments, os, "unlink", lambda path: f"remove {_plain(Path(path).name)}", only=_matters)
    _around(moments, os, "fsync", lambda handle: f"keep {_plain(_name(handle))}", only=lambda h: "looks" in _name(h))
    _around(moments, subprocess, "Popen", lambda *_, **__: "start the hook")
    _around(moments, http, "_finish", lambda _process: "let the hook end")
    _around(moments, haproxy_socket, "ask", _command, only=_changes)
    sys.addaudithook(moments.audit)


def _know_the_events(moments: Moments) -> None:
    """Name each operation by the event that it follows from, and by the step of the rollout."""

    def named(row: machine.Row) -> machine.Row:
        def step(where: machine.Where, event: Any) -> tuple[machine.Where, machine.Operations]:
            after, operations = row.step(where, event)
            at = f" {after.state.step}" if after.state is not None and row.effects and row.to == "running" else ""
            for operation in operations:
                moments.origins[id(operation)] = operation, row.event.__name__ + at
            return after, operations

        return replace(row, step=step)

    for key, row in machine.TABLE.items():
        machine.TABLE[key] = named(row)


def _around_operation(moments: Moments, kind: Any) -> None:
    perform = kind.perform

    def performed(self: Any, doors: Any) -> Any:
        _, event = moments.origins.get(id(self), (None, "nothing"))
        moments.operation = f"{event} {kind.__name__}"
        try:
            moments.reached("", BEFORE)
            done = perform(self, doors)
            moments.reached("", AFTER)
        finally:
            moments.operation = ""
        return done

    kind.perform = performed


def _around(
    moments: Moments,
    owner: Any,
    name: str,
    say: Callable[..., str],
    *,
    only: Callable[..., bool] = lambda *_: True,
) -> None:
    real = getattr(owner, name)

    @wraps(real)
    def around(*arguments: Any, **named: Any) -> Any:
        if not only(*arguments):
            return real(*arguments, **named)
        with moments.effect(say(*arguments, **named)):
            return real(*arguments, **named)

    setattr(owner, name, around)


def _matters(path: Any) -> bool:
    """Whether this removes something that was there, and not the temporary file of a write."""
    return "looks" in Path(path).name and Path(path).exists()


def _name(handle: int) -> str:
    return str(Path(f"/proc/self/fd/{handle}").readlink())


def _plain(name: str) -> str:
    """Leave out the part of a name that differs from run to run."""
    return "the looks" if "looks" in name else Path(name).name


def _changes(_path: str, command: str) -> bool:
    return not command.startswith(READS)


def _command(_path: str, command: str) -> str:
    return " ".join(command.split()[:2]) + " in HAProxy"


def read_journal(text: str) -> tuple[tuple[Moment, ...], tuple[str, ...]]:
    """Return the moments of a run in order, and what it did that no hook knows."""
    lines: list[Mapping[str, str]] = [json.loads(line) for line in text.splitlines()]
    moments = tuple(Moment(**line) for line in lines if "when" in line)
    return moments, tuple(line["unknown"] for line in lines if "unknown" in line)


def kills(moments: tuple[Moment, ...]) -> tuple[Moment, ...]:
    """Return the moments at which to kill: one of each kind, and of two with nothing done in between the outer one."""
    chosen: dict[Moment, None] = {}
    for index, moment in enumerate(moments):
        follows = moments[index - 1] if index else None
        leads = moments[index + 1] if index + 1 < len(moments) else None
        first = bool(moment.write) and moment.when == BEFORE and follows is not None and not follows.write
        last = bool(moment.write) and moment.when == AFTER and leads is not None and not leads.write
        if not (first or last):
            chosen[moment] = None
    return tuple(chosen)


TERM, KILL = int(signal.SIGTERM), int(signal.SIGKILL)
