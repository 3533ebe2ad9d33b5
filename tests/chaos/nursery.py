"""Where controllers come from: each a process of its own, forked by one that has imported all (controller.py)."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.moments import Moment, read_journal
from tests.contracts.haproxy_process import haproxy_program

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60.0
LAST_CHARACTERS = 2000


@dataclass(kw_only=True)
class Run:
    """One controller: `code` is its exit code once it has ended, and minus the signal where one ended it."""

    number: int
    folder: Path
    name: str
    code: asyncio.Future[int]
    ended_at: float = 0.0

    async def end(self) -> int:
        """Wait for it."""
        code = await asyncio.wait_for(asyncio.shield(self.code), WAIT_SECONDS)
        self.ended_at = time.time()
        return code

    @property
    def output(self) -> str:
        """What it printed at last."""
        return (self.folder / f"{self.name}.txt").read_text("utf-8")[-LAST_CHARACTERS:]

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What it did."""
        return read_journal(self._journal)[0]

    @property
    def unknown(self) -> tuple[str, ...]:
        """What it did that no hook knows."""
        return read_journal(self._journal)[1]

    @property
    def _journal(self) -> str:
        path = self.folder / f"{self.name}.journal"
        return path.read_text("utf-8") if path.exists() else ""

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        os.kill(self.number, number)


@dataclass
class Nursery:
    """Where controllers come from (controller.py)."""

    process: asyncio.subprocess.Process
    names: "itertools.count[int]" = field(default_factory=itertools.count)
    born: dict[str, asyncio.Future[int]] = field(default_factory=dict)
    ended: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    async def fork(self, folder: Path, arguments: tuple[str, ...], more: Mapping[str, object]) -> Run:
        """Start a controller in a folder."""
        name = f"run-{next(self.names)}"
        place = {"journal": f"{folder}/{name}.journal", "output": f"{folder}/{name}.txt", "folder": str(folder)}
        line = json.dumps({"job": name, "arguments": arguments, **place, **more})
        self.born[name] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        number = await asyncio.wait_for(self.born[name], WAIT_SECONDS)
        return Run(number=number, folder=folder, name=name, code=self._end_of(number))

    def _end_of(self, number: int) -> asyncio.Future[int]:
        return self.ended.setdefault(number, asyncio.get_running_loop().create_future())

    async def listen(self) -> None:
        """Hear of births and ends."""
        assert self.process.stdout is not None
        async for text in self.process.stdout:
            line = json.loads(text)
            if "born" in line:
                self.ended.pop(line["born"], None)
                self.born[line["job"]].set_result(line["born"])
            else:
                self._end_of(line["ended"]).set_result(line["code"])


@contextlib.asynccontextmanager
async def nursery(*modules: str) -> AsyncIterator[Nursery]:
    """Run one, which imports these modules for its controllers too."""
    haproxy_program()
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'python'}{os.pathsep}{ROOT}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.controller",
        *modules,
        cwd=ROOT,
        env=environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    found = Nursery(process)
    listening = asyncio.create_task(found.listen())
    try:
        yield found
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
