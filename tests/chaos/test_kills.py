"""kill -9 of a controller before and after every effect that it has, against a real HAProxy under load."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import replace

import pytest

from ml_cicd.rollout.machine import ROWS
from tests.chaos.claims import again, all_agree, nothing_is_lost, standing, traffic_is_back
from tests.chaos.moments import BEFORE, KILL, Moment
from tests.chaos.scenarios import SCENARIOS, Known, explore, place_of
from tests.chaos.site import Nursery, nursery

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AT_ONCE = 16


@pytest.fixture(scope="module")
def known() -> Known:
    """How every scenario goes when nobody disturbs it."""
    return asyncio.run(explore())


def test_every_effect_of_the_machine_is_a_case(known: Known) -> None:
    """Each kind of operation that the table of the machine allows after an event is killed before and after."""
    wanted = {(row.event.__name__, kind.__name__) for row in ROWS for kind in row.effects}
    killed = [moment.operation.split() for name in SCENARIOS for moment in known.kills(name)]
    assert wanted <= {(words[0], words[-1]) for words in killed}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_any_effect_is_made_good(known: Known, name: str) -> None:
    """Traffic is back within the lease and no request is lost; one command makes all agree; a re-run ends as usual."""
    asyncio.run(_all(known, name))


async def _all(known: Known, name: str) -> None:
    turn = asyncio.Semaphore(AT_ONCE)
    async with nursery() as born:
        problems = await _problems(_killed(born, known, name, moment, turn) for moment in known.kills(name))
    assert not problems, "\n\n".join(problems)


async def _problems(cases: Iterable[Awaitable[str]]) -> list[str]:
    return [problem for problem in await asyncio.gather(*cases) if problem]


async def _killed(born: Nursery, known: Known, name: str, moment: Moment, turn: asyncio.Semaphore) -> str:
    async with turn:
        try:
            await _case(born, known, name, moment)
        except Exception as problem:  # noqa: BLE001  # all cases are reported, each with its moment
            return f"{moment}: {type(problem).__name__} {problem}"
    return ""


async def _case(born: Nursery, known: Known, name: str, moment: Moment) -> None:
    scenario, usual = SCENARIOS[name], known.runs[name]
    second = scenario.like or name
    ends = known.runs[second].end
    async with place_of(born, known.positions, scenario) as place:
        run = await place.start(*scenario.arguments, signals={**scenario.signals, moment: KILL})
        assert await run.end() == -KILL, f"it was not killed: {run.output}"
        await traffic_is_back(place, run.ended_at, allowed={usual.before, usual.end.serving})
        nothing_is_lost(place)
        if moment.when == BEFORE and scenario.named:
            await place.run(*scenario.named)
            all_agree(place)
        await again(place, scenario.arguments, expect=SCENARIOS[second].code)
        end = standing(place)
        # A first release whose slot and record are there is finished by its alias: there is no traffic to move.
        assert end == (replace(ends, phase=None) if end.phase is None else ends)
        all_agree(place)
        nothing_is_lost(place)
