"""Folders that are full, files that somebody edits, and a clock that somebody sets."""

import asyncio
import contextlib
import os
import resource
import signal
import time
from dataclasses import replace

from ml_cicd.rollout.routers.haproxy_socket import ask
from tests.chaos.claims import nothing_is_lost, traffic_is_back
from tests.chaos.clock import set_clock
from tests.chaos.faults import LONG, ROLLBACK, Stage, fault, lease_from
from tests.chaos.nursery import Run
from tests.chaos.site import Site, Wanted

SMALL = replace(LONG, small_folder=True)
HOUR = 3600
GOING_ON_SECONDS = 0.8


def is_small(place: Site) -> bool:
    """Whether the map's folder is a small disk of its own."""
    return os.path.ismount(place.map.parent)


def fill(place: Site, run: Run | None = None) -> None:
    """Fill the map's folder, or, where it is no small disk, let no file of the run grow."""
    if is_small(place):
        with contextlib.suppress(OSError), (place.map.parent / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 512)
    elif run is not None:
        resource.prlimit(run.number, resource.RLIMIT_FSIZE, (0, 0))


def make_space(place: Site) -> None:
    """Undo it."""
    (place.map.parent / "filler").unlink(missing_ok=True)


@fault
async def folder_full(stage: Stage) -> None:
    """The lease cannot be renewed, and traffic is taken back without a file."""
    async with stage.canary(SMALL) as (place, run):
        full = time.time()
        fill(place, run)
        assert await run.end() == 4, run.output
        await traffic_is_back(place, full, allowed={"2"}, by=lease_from(full))
        make_space(place)
        await stage.finished(place)


@fault
async def folder_full_and_then_a_rollback(stage: Stage) -> None:
    """Traffic moves at once, exit 12 names what a reload would undo, and the runbook's command keeps what serves."""
    async with stage.promoted(Wanted(small_folder=True)) as place:
        fill(place)
        run = await place.run(*ROLLBACK, expect=12, quota=not is_small(place))
        await traffic_is_back(place, run.ended_at, allowed={"2"})
        make_space(place)
        await stage.finished(place, like="rollback")


def _edited(name: str, content: bytes | None) -> None:
    async def edit(stage: Stage) -> None:
        """The run stops, and gives back what it had."""
        async with stage.canary() as (place, run):
            edited, path = time.time(), place.map.with_name(name)
            with place.between_writes():
                path.unlink() if content is None else path.write_bytes(content)
            assert await run.end() == 4, run.output
            await stage.made_good(place, edited)

    what = "missing" if content is None else f"edited to {content[:9].decode(errors='replace').strip()!r}"
    edit.__name__ = f"{name} {what}"
    fault(edit)


_edited("split.map", b"split blue:green:0:0:none:77\n")
_edited("split.map", b"\xff\xfe")
_edited("split.map", None)
_edited("split.map.state.json", b'{"schema"')
_edited("split.map.state.json", b"")
_edited("split.map.state.json", None)


def _memory(what: str, command: str) -> None:
    async def edit(stage: Stage) -> None:
        """Nobody but the lease and the run's own last write says what the candidate gets."""
        async with stage.canary() as (place, run):
            edited = time.time()
            with place.between_writes():
                ask(str(place.socket), command.format(map=place.map, lease=int(edited) + 1500))
            assert await run.end() == 4, run.output
            await stage.made_good(place, edited)

    edit.__name__ = f"memory {what}"
    fault(edit)


_memory("with another share", "set map {map} split green:blue:9000:{lease}:none:900")
_memory("senseless", "set map {map} split green")
_memory("without the key", "del map {map} split")


@fault
async def clock_put_back_after_a_kill(stage: Stage) -> None:
    """A lease that ends in an hour is none: the champion has everything at once, and the next run goes on."""
    async with stage.canary(stage.own_clock()) as (place, run):
        run.kill()
        await run.end()
        stepped = time.time()
        set_clock(place.clock, -HOUR)
        await traffic_is_back(place, stepped, allowed={"2"}, by=lease_from(stepped))
        await stage.finished(place)


@fault
async def clock_put_forward(stage: Stage) -> None:
    """The lease and the deadline have passed: the champion has everything, and nothing is said of the candidate."""
    async with stage.canary(stage.own_clock()) as (place, run):
        stepped = time.time()
        set_clock(place.clock, HOUR)
        assert await run.end() == 11, run.output
        await traffic_is_back(place, stepped, allowed={"2"}, by=lease_from(stepped))
        await stage.finished(place)


@fault
async def clock_put_back_during_a_canary(stage: Stage) -> None:
    """The run goes on, with leases by the new time; a cancelled one takes its traffic back."""
    async with stage.canary(stage.own_clock()) as (place, run):
        set_clock(place.clock, -HOUR)
        await traffic_goes_on(place)
        stopped = time.time()
        run.kill(signal.SIGTERM)
        assert await run.end() == 130, run.output
        await traffic_is_back(place, stopped, allowed={"2"}, by=lease_from(stopped))
        await stage.finished(place)


@fault
async def clock_put_back_before_a_promotion(stage: Stage) -> None:
    """Time that has passed is not lost with it: the candidate is promoted as soon as without that."""
    async with stage.canary(stage.own_clock()) as (place, run):
        set_clock(place.clock, -HOUR)
        assert await run.end() == 0, run.output
        await traffic_is_back(place, time.time(), allowed={"3"}, by=time.time())
        await stage.finished(place)


async def traffic_goes_on(place: Site) -> None:
    """Both arms are served for a while."""
    begin = time.time()
    await asyncio.sleep(2 * GOING_ON_SECONDS)
    versions = {sent.version for sent in place.load.log if sent.at > begin + GOING_ON_SECONDS}
    assert versions == {"2", "3"}, versions
    nothing_is_lost(place)
