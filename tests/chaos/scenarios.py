"""What controllers do here, each from files that an earlier one left: between them they have every effect there is."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from tests.chaos.claims import TO_CHAMPION, Standing, standing
from tests.chaos.moments import AFTER, KILL, TERM, Moment, kills
from tests.chaos.site import PLAIN, Nursery, Position, Site, Wanted, nursery, site, until
from tests.chaos.slots import Manner

# Where a busy machine holds up the load for a moment, the forecast must not end the run.
CANARY = ("canary", "--allow-inconclusive", "true", "--candidate", "3")
SHARE_GIVEN = Moment(operation="Renewed 1 SetSplit", write="", when=AFTER)
ON_RECORD = Moment(operation="Proven AppendLedger", write="", when=AFTER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One command from one position. `named` makes ledger and router agree after a kill; none: the same command does.

    `signals` come to the command by themselves; `like` is the scenario that a second run ends as, where it is not this.
    """

    position: str
    arguments: tuple[str, ...]
    code: int = 0
    named: tuple[str, ...] = TO_CHAMPION
    signals: Mapping[Moment, int] = field(default_factory=dict)
    wanted: Wanted = PLAIN
    like: str = ""

    @property
    def promotes(self) -> bool:
        """Whether it may give all traffic to a candidate, over a champion."""
        return self.arguments == CANARY


SCENARIOS: Mapping[str, Scenario] = {
    "promotion": Scenario(position="base", arguments=CANARY),
    "rejection": Scenario(position="base", arguments=CANARY, code=10, wanted=Wanted(manners={"3": Manner.FAILING})),
    "deadline": Scenario(
        position="base",
        arguments=CANARY,
        code=11,
        wanted=Wanted(deadline="2s", minimum_requests=1_000_000),
    ),
    "cancelled": Scenario(position="base", arguments=CANARY, code=130, signals={SHARE_GIVEN: TERM}, like="promotion"),
    "first release": Scenario(position="empty", arguments=("canary", "--candidate", "1"), named=()),
    "promotion finished": Scenario(position="half promoted", arguments=CANARY),
    "rollback": Scenario(position="promoted", arguments=("rollback",)),
    "rollback of a dead canary": Scenario(position="running", arguments=("rollback", "--to", "1")),
    "files written again": Scenario(position="no state", arguments=TO_CHAMPION),
}


async def positions(born: Nursery) -> dict[str, Position]:
    """Return what each scenario begins with, as real runs leave it."""
    async with site(born, {}) as place:
        found = {"empty": place.position()}
        found["base"] = base = await released(place)
    found["no state"] = {name: content for name, content in base.items() if not name.endswith("state.json")}
    ends = {"promoted": ({}, 0), "half promoted": ({ON_RECORD: TERM}, 130), "running": ({SHARE_GIVEN: KILL}, -KILL)}
    left = await asyncio.gather(*(_left(born, base, signals, code) for signals, code in ends.values()))
    return found | dict(zip(ends, left, strict=True))


async def released(place: Site) -> Position:
    """Release versions 1 and 2 on an empty target; version 3 is the next candidate."""
    await place.run("canary", "--candidate", "1")
    await place.run(*CANARY[:-1], "2")
    return place.position()


async def _left(born: Nursery, base: Position, signals: Mapping[Moment, int], code: int) -> Position:
    async with site(born, base) as place:
        run = await place.start(*CANARY, signals=signals)
        assert await run.end() == code, run.output
        lease = place.view().split.lease
        await until(lambda: time.time() > lease)
        return place.position()


@dataclass(frozen=True, kw_only=True, slots=True)
class Undisturbed:
    """How a scenario goes when nobody disturbs it."""

    moments: tuple[Moment, ...]
    before: str
    end: Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """All positions, and how each scenario goes."""

    positions: Mapping[str, Position]
    runs: Mapping[str, Undisturbed]

    def kills(self, name: str) -> tuple[Moment, ...]:
        """Return the moments of a scenario at which to kill: those that no scenario before it has."""
        names = list(self.runs)
        earlier = {moment for other in names[: names.index(name)] for moment in kills(self.runs[other].moments)}
        return tuple(moment for moment in kills(self.runs[name].moments) if moment not in earlier)


def place_of(born: Nursery, known: Mapping[str, Position], scenario: Scenario) -> AbstractAsyncContextManager[Site]:
    """Return the site of a scenario, to be entered."""
    return site(born, known[scenario.position], scenario.wanted)


async def _undisturbed(born: Nursery, known: Mapping[str, Position], scenario: Scenario) -> Undisturbed:
    async with place_of(born, known, scenario) as place:
        before = place.serving()
        run = await place.start(*scenario.arguments, signals=scenario.signals)
        assert await run.end() == scenario.code, run.output
        assert not run.unknown, f"no hook of moments.py knows: {run.unknown}"
        return Undisturbed(moments=run.moments, before=before, end=await standing(place))


async def explore() -> Known:
    """Run everything once."""
    async with nursery() as born:
        known = await positions(born)
        runs = await asyncio.gather(*(_undisturbed(born, known, scenario) for scenario in SCENARIOS.values()))
    return Known(positions=known, runs=dict(zip(SCENARIOS, runs, strict=True)))
