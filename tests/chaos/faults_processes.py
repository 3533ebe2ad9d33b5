"""Processes that are killed, a reload, and a socket that is gone."""

import asyncio
import time
from dataclasses import replace

from tests.chaos.claims import nothing_is_lost, traffic_is_back
from tests.chaos.faults import BRIEF_SECONDS, LONG, Stage, between, fault, lease_from
from tests.chaos.site import LEASE_SECONDS, until

PROCESSES = replace(LONG, killable=True)
GAP_SECONDS = 0.3
DEAD_SECONDS = 3.0
FOUND_DEAD_SECONDS = 2.0
FOUND_ALIVE_SECONDS = 1.0
ENOUGH, ENOUGH_FOR_ALL = 20, 600
LAPSED_SECONDS = 3.5


@fault
async def candidate_killed(stage: Stage) -> None:
    """It is rolled back for harm, and only what HAProxy had given it is lost. Its supervisor starts it again."""
    async with stage.canary(PROCESSES) as (place, run):
        killed, slot = time.time(), place.slots[place.view().split.idle]
        slot.stop()
        await asyncio.sleep(DEAD_SECONDS)
        await slot.start()
        assert await run.end() == 10, run.output
        await stage.made_good(place, killed, need_be=between(killed, killed + DEAD_SECONDS))


def proven(output: str) -> bool:
    """Whether the last look waits for nothing but a number of requests, for which no champion is needed."""
    last = output.rpartition(" s  step ")[2]
    return "waits for requests, has" in last and not any(f"waits for {what}" in last for what in ("looks", "candidate"))


@fault
async def champion_killed(stage: Stage) -> None:
    """A candidate that is proven takes its place, and hardly a request is lost: nothing goes to the dead slot."""
    async with stage.canary(replace(PROCESSES, minimum_requests=ENOUGH_FOR_ALL)) as (place, run):
        slot = place.slots[place.view().split.serving]
        await until(lambda: proven(run.output))
        killed = time.time()
        slot.stop()
        assert await run.end() == 0, run.output
        await traffic_is_back(place, run.ended_at, allowed={"3"})
        await slot.start()
        await stage.finished(place, need_be=between(killed, killed + FOUND_DEAD_SECONDS))


@fault
async def champion_killed_before_the_proof(stage: Stage) -> None:
    """Whoever answers at all is better than a dead champion, so there is no verdict; its users stay where somebody
    answers, and the command that the report names fills its slot again.
    """
    async with stage.canary(replace(PROCESSES, deadline="4s", minimum_requests=1_000_000)) as (place, run):
        killed, slot = time.time(), place.slots[place.view().split.serving]
        slot.stop()
        assert await run.end() == 11, run.output
        await until(lambda: sum(sent.at > run.ended_at for sent in place.load.log) > ENOUGH)
        answered = {sent.version for sent in place.load.log if sent.at > run.ended_at}
        assert answered == {"3"}
        await slot.start()
        await asyncio.sleep(FOUND_ALIVE_SECONDS)
        await stage.finished(place, like="deadline", need_be=between(killed, killed + FOUND_DEAD_SECONDS))


@fault
async def haproxy_killed_for_a_moment(stage: Stage) -> None:
    """The rollout goes on, and only what came in the gap is lost."""
    async with stage.canary() as (place, run):
        killed = time.time()
        place.haproxy.kill()
        await place.haproxy.wait()
        await asyncio.sleep(GAP_SECONDS)
        await place.start_haproxy()
        back = time.time()
        # A run gives up after half a lease, and on a busy machine it may take that long until HAProxy is there again.
        code, brief = await run.end(), back - killed < LEASE_SECONDS / 2 - GAP_SECONDS
        assert code == 0 or (code == 4 and not brief), run.output
        await traffic_is_back(place, run.ended_at, allowed={"2" if code else "3"}, by=lease_from(run.ended_at))
        await stage.finished(place, need_be=between(killed, back + BRIEF_SECONDS))


@fault
async def haproxy_killed_for_long(stage: Stage) -> None:
    """The run gives up; HAProxy comes back with the champion, since the lease has ended meanwhile."""
    async with stage.canary() as (place, run):
        killed = time.time()
        place.haproxy.kill()
        await place.haproxy.wait()
        assert await run.end() == 4, run.output
        await until(lambda: time.time() > killed + LAPSED_SECONDS)
        await place.start_haproxy()
        gone = between(killed, time.time() + BRIEF_SECONDS)
        await traffic_is_back(place, time.time(), allowed={"2"}, by=time.time() + BRIEF_SECONDS)
        await stage.finished(place, need_be=gone)


@fault
async def haproxy_reloaded(stage: Stage) -> None:
    """The counters begin anew and the rollout goes on; a client that asks again where it was closed loses nothing."""
    async with stage.canary() as (place, run):
        old = place.haproxy
        await place.start_haproxy("-sf", str(old.pid))
        assert await run.end() == 0, run.output
        await traffic_is_back(place, run.ended_at, allowed={"3"})
        nothing_is_lost(place)
        await stage.finished(place)
        if old.returncode is None:
            old.kill()
        await old.wait()


@fault
async def socket_gone(stage: Stage) -> None:
    """Nobody can renew the lease, and HAProxy itself takes the traffic back."""
    async with stage.canary() as (place, run):
        aside, gone = place.socket.with_name("aside"), time.time()
        place.socket.rename(aside)
        assert await run.end() == 4, run.output
        aside.rename(place.socket)
        await stage.made_good(place, gone)
