"""Slots that hang or drip, and a registry that is silent or drips."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from tests.chaos.claims import TO_CHAMPION, all_agree, nothing_is_lost, standing, traffic_is_back
from tests.chaos.faults import LONG, ROLLBACK, Stage, between, fault
from tests.chaos.load import Sent
from tests.chaos.scenarios import CANARY
from tests.chaos.site import Wanted, site
from tests.chaos.slots import DRIP_SECONDS, Manner

ANSWER_SECONDS = 1.2  # less than a lease, which is renewed between two questions
WITHIN_SECONDS = 20.0


def _slow_answers(manner: Manner) -> None:
    async def disturb(stage: Stage) -> None:
        """It is rolled back long before any timeout, and only its own requests are lost, again and again."""
        async with site(stage.born, stage.known.positions["base"], Wanted(manners={"3": manner})) as place:
            windows: list[Callable[[Sent], bool]] = []
            for _ in range(2):
                began = time.time()
                run = await place.run(*CANARY, expect=10)
                windows.append(between(began, run.ended_at))
                await traffic_is_back(place, run.ended_at, allowed={"2"})
                nothing_is_lost(place, lambda sent: sent.status == 0 and any(gone(sent) for gone in windows))
                await place.run(*TO_CHAMPION)
                await all_agree(place)
                assert await standing(place) == stage.known.runs["rejection"].end

    disturb.__name__ = f"candidate {manner}"
    fault(disturb)


def _slow_identity(manner: Manner) -> None:
    async def disturb(stage: Stage) -> None:
        """What does not say who it is is not promoted; its traffic goes back."""
        async with stage.canary(LONG, answer_seconds=ANSWER_SECONDS) as (place, run):
            slot = place.slots[place.view().split.idle]
            slot.identity = manner
            assert await run.end() == 4, run.output
            await traffic_is_back(place, run.ended_at, allowed={"2"})
            slot.identity = Manner.GOOD
            await stage.finished(place)

    disturb.__name__ = f"identity of the candidate {manner}"
    fault(disturb)


def _rollback_from(manner: Manner) -> None:
    async def disturb(stage: Stage) -> None:
        """The version that is left has no say in it."""
        async with stage.promoted() as place:
            place.slots[place.view().split.serving].identity = manner
            began = time.time()
            run = await place.run(*ROLLBACK)
            assert run.ended_at - began < WITHIN_SECONDS
            await stage.made_good(place, run.ended_at, like="rollback")

    disturb.__name__ = f"rollback from one that is {manner}"
    fault(disturb)


def _rollback_to(manner: Manner) -> None:
    async def disturb(stage: Stage) -> None:
        """By force it moves at once, and says what nobody verified."""
        async with stage.promoted() as place:
            slot = place.slots[place.view().split.idle]
            slot.identity = manner
            run = await place.run(*ROLLBACK, "--force", "true", expect=12)
            await traffic_is_back(place, run.ended_at, allowed={"2"})
            slot.identity = Manner.GOOD
            await stage.finished(place, like="rollback")

    disturb.__name__ = f"rollback by force to one that is {manner}"
    fault(disturb)


@contextlib.asynccontextmanager
async def _registry(manner: Manner) -> AsyncIterator[str]:
    """Serve the address of a registry that takes every connection and answers nothing, or a byte now and then."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000:
                await asyncio.sleep(DRIP_SECONDS)
                if manner is Manner.DRIPPING:
                    writer.write(bytes([byte]))
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(talk(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def _registry_at_a_rollback(manner: Manner) -> None:
    async def disturb(stage: Stage) -> None:
        """Traffic moves, exit 12 names the command that writes the record later."""
        async with stage.promoted() as place, _registry(manner) as uri:
            began = time.time()
            run = await place.start(*ROLLBACK, "--registry-uri", uri)
            await asyncio.sleep(1.0)
            assert place.serving() == "2", "traffic waits for the registry"
            assert await run.end() == 12, run.output
            assert run.ended_at - began < WITHIN_SECONDS, run.output
            await stage.made_good(place, run.ended_at, like="rollback")

    disturb.__name__ = f"registry {manner} at a rollback"
    fault(disturb)


def _registry_at_a_promotion(manner: Manner) -> None:
    async def disturb(stage: Stage) -> None:
        """No record, no promotion: the champion has everything within the lease."""
        positions = stage.known.positions
        async with site(stage.born, positions["running"]) as place, _registry(manner) as uri:
            run = await place.start(*CANARY, "--registry-uri", uri)
            assert await run.end() == 4, run.output
            await stage.made_good(place, run.ended_at)

    disturb.__name__ = f"registry {manner} at a promotion"
    fault(disturb)


for one in (Manner.HANGING, Manner.DRIPPING):
    _slow_answers(one)
    _slow_identity(one)
    _rollback_from(one)
    _rollback_to(one)
    _registry_at_a_rollback(one)
    _registry_at_a_promotion(one)
