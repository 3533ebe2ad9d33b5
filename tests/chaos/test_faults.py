"""Everything but the controller's own death, against a real HAProxy under load: the same claims hold after each."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos import faults_files, faults_processes, faults_slots  # noqa: F401  # they fill the list
from tests.chaos.clock import build
from tests.chaos.faults import FAULTS, Fault, Stage
from tests.chaos.nursery import nursery
from tests.chaos.scenarios import explore
from tests.chaos.selection import chosen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AT_ONCE = 10

Outcomes = dict[str, BaseException | None]


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What came of each fault that was chosen: they happen at the same time, for most of it is waiting."""
    clock = build(tmp_path_factory.mktemp("clock"))
    return asyncio.run(_all({name: disturb for name, disturb in FAULTS.items() if name in chosen(request)}, clock))


async def _all(faults: dict[str, Fault], clock: Path | None) -> Outcomes:
    known, turn = await explore(), asyncio.Semaphore(AT_ONCE)

    async def one(disturb: Fault, stage: Stage) -> None:
        async with turn:
            try:
                await disturb(stage)
            except Exception:  # noqa: BLE001  # a machine that is busy may hold up a case once; a fault shows each time
                await disturb(stage)

    async with nursery() as born:
        stage = Stage(born=born, known=known, clock=clock)
        found = await asyncio.gather(*(one(f, stage) for f in faults.values()), return_exceptions=True)
    return dict(zip(faults, found, strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_made_good(outcomes: Outcomes, name: str) -> None:
    """Traffic at a healthy slot within lease + 1 s, no request lost that need not be, agreement, and a usual re-run."""
    problem = outcomes[name]
    if problem is not None:
        raise problem
