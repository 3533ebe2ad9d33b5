"""What else can go wrong, each as a function that disturbs a target of its own and holds the claims against it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.chaos.claims import (
    TO_CHAMPION,
    again,
    all_agree,
    nothing_is_lost,
    standing,
    traffic_is_back,
)
from tests.chaos.load import Sent
from tests.chaos.scenarios import CANARY, SCENARIOS, Known
from tests.chaos.site import LEASE_SECONDS, PLAIN, Nursery, Run, Site, Wanted, site, until

HALF = 5000
ROLLBACK = ("rollback",)
BRIEF_SECONDS = 0.3
LONG = Wanted(minimum_requests=200)  # some seconds at half of the traffic


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Where a fault happens: at targets of its own."""

    born: Nursery
    known: Known
    clock: Path | None

    @contextlib.asynccontextmanager
    async def canary(self, wanted: Wanted = LONG, **more: float) -> AsyncIterator[tuple[Site, Run]]:
        """Run a canary of version 3 over version 2, which has half of the traffic by now."""
        async with site(self.born, self.known.positions["base"], wanted) as place:
            run = await place.start(*CANARY, **more)  # type: ignore[arg-type]  # seconds
            await until(lambda: run.code.done() or place.view().split.threshold == HALF)
            assert not run.code.done(), run.output
            await asyncio.sleep(BRIEF_SECONDS)
            yield place, run

    def own_clock(self) -> Wanted:
        """Return what gives a target a clock of its own; skips where that cannot be."""
        if self.clock is None:
            pytest.skip("there is no C compiler, and HAProxy's clock is set by a library")
        return replace(LONG, clock=self.clock)

    @contextlib.asynccontextmanager
    async def promoted(self, wanted: Wanted = PLAIN) -> AsyncIterator[Site]:
        """Run a target on which version 3 has been promoted over version 2."""
        async with site(self.born, self.known.positions["promoted"], wanted) as place:
            yield place

    async def made_good(
        self,
        place: Site,
        since: float,
        *,
        like: str = "promotion",
        allowed: frozenset[str] = frozenset("2"),
        need_be: Callable[[Sent], bool] = lambda _: False,
    ) -> None:
        """Traffic is back, nothing is lost that `need_be` not, one command makes all agree, a re-run ends as usual."""
        await traffic_is_back(place, since, allowed=set(allowed), by=lease_from(since))
        await self.finished(place, like=like, need_be=need_be)

    async def finished(
        self, place: Site, *, like: str = "promotion", need_be: Callable[[Sent], bool] = lambda _: False
    ) -> None:
        """Hold the last three of these claims."""
        nothing_is_lost(place, need_be)
        await place.run(*TO_CHAMPION)
        await all_agree(place)
        scenario = SCENARIOS[like]
        await again(place, scenario.arguments, expect=scenario.code)
        assert await standing(place) == self.known.runs[like].end
        nothing_is_lost(place, need_be)


Fault = Callable[[Stage], Awaitable[None]]
FAULTS: dict[str, Fault] = {}


def fault(disturb: Fault) -> Fault:
    """Enter it in the list, by the name of the function."""
    FAULTS[getattr(disturb, "__name__", "").replace("_", " ")] = disturb
    return disturb


def between(begin: float, end: float) -> Callable[[Sent], bool]:
    """Return whether a request was sent in this time, or shortly before and still under way."""
    return lambda sent: begin - BRIEF_SECONDS <= sent.at <= end


def lease_from(moment: float) -> float:
    """Return when the last lease that was written before that moment has ended."""
    return moment + LEASE_SECONDS + 1
