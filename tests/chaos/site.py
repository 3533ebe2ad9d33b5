"""A target of its own for one case: real HAProxy from the shipped template, two slots, a load, and controllers."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from string import Template

from ml_cicd.registry.ports import Server
from ml_cicd.registry.versions import TAG_DIGEST, TAG_GATE_VERDICT, TAG_KEY, ModelVersion
from ml_cicd.rollout.routers.haproxy import HaproxyRouter, Settings
from ml_cicd.rollout.state import RouterView
from ml_cicd.shell.wiring import MlflowRecords
from tests.chaos.clock import set_clock
from tests.chaos.load import Load
from tests.chaos.moments import Moment
from tests.chaos.nursery import WAIT_SECONDS, Nursery, Run
from tests.chaos.slots import Manner, Slot, SlotProcess
from tests.contracts.haproxy_process import SLOTS, TEMPLATE, free_port, haproxy_program
from tests.fakes.registry_file import FileRecords, changing

MODEL, TARGET = "toy", "production"
VERSIONS = ("1", "2", "3")
LEASE_SECONDS = 2.0
CLOSING_SECONDS = 0.05
START = "split blue:green:0:0:none:0\n"
HOOK = """sleep 0.1
printf '{"model": "%s", "version": "%s", "digest": "%s"}' \\
  "$ML_CICD_MODEL" "$ML_CICD_VERSION" "$ML_CICD_DIGEST" > "$ML_CICD_SLOT.fresh"
mv "$ML_CICD_SLOT.fresh" "$ML_CICD_SLOT.json"
"""
CONFIG = """
version: 1
model: toy
gate: {thresholds: {accuracy: 0.95}, when_no_champion: first_release}
registry: {uri: '$registry'}
targets:
  production:
    router: {kind: haproxy, socket: $socket, map: $map}
    slots: {blue: {url: 'http://127.0.0.1:$blue_port'}, green: {url: 'http://127.0.0.1:$green_port'}}
    hooks: {deploy: [sh, become.sh]}
canary:
  steps: [10, 50]
  guardrails: {errors: {margin: 0.2}, refusals: {margin: 0.2}}
  false_promotion_rate: 0.2
  interval: 0.3s
  lease: 2s
  warm_up: 0s
  minimum_duration: 0s
  minimum_requests: $minimum_requests
  deadline: $deadline
"""
KEPT = ("maps/split.map*", "registry.json", "registry.db", "blue.json", "green.json")
Position = Mapping[str, bytes]


@dataclass(kw_only=True)
class Site:
    """A running target."""

    folder: Path
    nursery: Nursery
    slots: Mapping[str, Slot]
    load: Load
    haproxy: asyncio.subprocess.Process
    loading: asyncio.Task[None] | None = None

    async def end(self) -> None:
        """End load and HAProxy."""
        if self.loading is not None:
            self.loading.cancel()
            await asyncio.gather(self.loading, return_exceptions=True)
        if self.haproxy.returncode is None:
            self.haproxy.kill()
        await self.haproxy.wait()

    @property
    def socket(self) -> Path:
        """HAProxy's socket."""
        return self.folder / "h.sock"

    @property
    def map(self) -> Path:
        """The map file; its folder has nothing but that and what lies beside it."""
        return self.folder / "maps" / "split.map"

    @property
    def clock(self) -> Path:
        """How many seconds its clock is off, where it has one of its own."""
        return self.folder / "clock"

    @property
    def router(self) -> HaproxyRouter:
        """The door to its HAProxy."""
        return HaproxyRouter(Settings(socket=str(self.socket), map=str(self.map)), SLOTS)

    @cached_property
    def records(self) -> Server:
        """Its registry and ledger."""
        path = self.folder / "registry.db"
        if path.exists():
            return MlflowRecords(uri=f"sqlite:///{path}", environ={}, say=print)
        return FileRecords(self.folder / "registry.json")

    def view(self) -> RouterView:
        """Return what its router says, whatever state its files are in."""
        return self.router.read(urgent=True)

    def serving(self) -> str:
        """Version in the slot that serves."""
        return self.slots[self.view().split.serving].version

    async def start(
        self,
        *arguments: str,
        signals: Mapping[Moment, int] | None = None,
        answer_seconds: float = 0.0,
        quota: bool = False,
    ) -> Run:
        """Start a controller; `answer_seconds` is what it gives a slot for an answer, where that is less than usual.
        With a `quota` no file of its can grow.
        """
        sent = [(asdict(moment), int(number)) for moment, number in (signals or {}).items()]
        clock = str(self.clock) if self.clock.exists() else ""
        more = {"signals": sent, "answer_seconds": answer_seconds, "clock": clock, "quota": quota}
        return await self.nursery.fork(self.folder, arguments, more)

    async def run(self, *arguments: str, expect: int | None = 0, quota: bool = False) -> Run:
        """Run a controller to its end."""
        run = await self.start(*arguments, quota=quota)
        code = await run.end()
        assert expect is None or code == expect, f"{arguments} ended with {code}: {run.output}"
        return run

    async def start_haproxy(self, *more: str) -> None:
        """Start HAProxy on its configuration and wait for its socket."""
        self.haproxy = await _haproxy(self.folder, *more)

    @contextlib.contextmanager
    def between_writes(self) -> Iterator[None]:
        """Keep every controller from writing, so that one does not undo unseen what is edited meanwhile."""
        lock = os.open(self.map.with_name("split.map.lock"), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def position(self) -> Position:
        """Return what its files say, for another site to begin with."""
        paths = (path for name in KEPT for path in self.folder.glob(name))
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


async def until(holds: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{holds} does not hold"
        await asyncio.sleep(0.02)


async def _haproxy(folder: Path, *more: str) -> asyncio.subprocess.Process:
    library, clock = folder / "clock.so", folder / "clock"
    set_by_us = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(clock)} if library.exists() else {}
    process = await asyncio.create_subprocess_exec(
        haproxy_program(),
        "-db",
        "-f",
        str(folder / "haproxy.cfg"),
        *more,
        env={**os.environ, **set_by_us},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    def answers() -> bool:
        assert process.returncode is None
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(folder / "h.sock")) == 0

    await until(answers, 10)
    return process


def mounted(folder: Path) -> bool:
    """Whether the folder is a small disk of its own now; where that is not allowed, a quota has to do."""
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    """Take the small disk away."""
    subprocess.run(["umount", str(folder)], check=True)


def _lay_out(folder: Path, position: Position, values: Mapping[str, str]) -> None:
    (folder / "haproxy.cfg").write_text(Template(TEMPLATE.read_text("utf-8")).substitute(values), "utf-8")
    (folder / "ml-cicd.yml").write_text(Template(CONFIG).substitute(values), "utf-8")
    (folder / "become.sh").write_text(HOOK, "utf-8")
    (folder / "maps" / "split.map").write_text(START, "utf-8")
    for name, content in position.items():
        (folder / name).write_bytes(content)
    if not {"registry.json", "registry.db"} & set(position):
        with changing(folder / "registry.json") as (registry, _):
            registry.versions = [(_version(number), "") for number in VERSIONS]


def _version(number: str) -> ModelVersion:
    tags = {TAG_DIGEST: f"sha256:{int(number):064x}", TAG_GATE_VERDICT: "pass", TAG_KEY: number}
    return ModelVersion(name=MODEL, number=number, uri=f"models:/{MODEL}/{number}", tags=tags)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is special about a target; `clock`: the library that sets it, `killable`: its slots are processes, `mlflow`:
    its registry is MLflow's.
    """

    manners: Mapping[str, Manner] = field(default_factory=dict)
    deadline: str = "10m"
    minimum_requests: int = 20
    clock: Path | None = None
    killable: bool = False
    mlflow: bool = False
    small_folder: bool = False


PLAIN = Wanted()


@contextlib.asynccontextmanager
async def site(born: Nursery, position: Position, wanted: Wanted = PLAIN) -> AsyncIterator[Site]:
    """Run a target that begins with these files; all of it ends with the block."""
    async with contextlib.AsyncExitStack() as ends:
        ends.push_async_callback(asyncio.sleep, CLOSING_SECONDS)  # what was aborted is closed by the loop's next turns
        # Short: a socket's path has 107 characters at most.
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="ml-cicd-")))
        (folder / "maps").mkdir()
        if wanted.small_folder and mounted(folder / "maps"):
            ends.callback(unmount, folder / "maps")
        if wanted.clock is not None:
            (folder / "clock.so").symlink_to(wanted.clock)
            set_clock(folder / "clock", 0)
        kind = SlotProcess if wanted.killable else Slot
        slots = {name: kind(folder / f"{name}.json", manners=dict(wanted.manners)) for name in SLOTS}
        port = free_port()
        for slot in slots.values():
            await slot.start()
            ends.callback(slot.stop)
        values = {"socket": f"{folder}/h.sock", "map": f"{folder}/maps/split.map", "port": str(port)}
        values |= {f"{name}_port": str(slot.port) for name, slot in slots.items()}
        values |= {"registry": f"sqlite:///{folder}/registry.db" if wanted.mlflow else f"file:{folder}/registry.json"}
        values |= {"deadline": wanted.deadline, "minimum_requests": str(wanted.minimum_requests)}
        _lay_out(folder, position, values)
        found = Site(folder=folder, nursery=born, slots=slots, load=Load(port), haproxy=await _haproxy(folder))
        ends.push_async_callback(found.end)
        found.loading = asyncio.create_task(found.load.run())
        yield found
