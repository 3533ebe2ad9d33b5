"""kill -9 of a controller before and after every effect that it has, against a real HAProxy under load."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.mlflow.versions import MlflowRegistry
from ml_cicd.registry.versions import TAG_GATE_VERDICT, NewVersion
from ml_cicd.rollout.machine import ROWS
from tests.chaos.claims import again, all_agree, nothing_is_lost, on_record, standing, traffic_is_back
from tests.chaos.moments import AFTER, BEFORE, KILL, Moment
from tests.chaos.nursery import Nursery, nursery
from tests.chaos.scenarios import SCENARIOS, Known, Scenario, explore, place_of, released
from tests.chaos.selection import chosen
from tests.chaos.site import MODEL, VERSIONS, Position, Wanted, site
from tests.fakes.model_folder import model_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AT_ONCE = 16
MLFLOW = (
    "ml_cicd.registry.mlflow.versions",
    "ml_cicd.registry.mlflow.ledger",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)


@pytest.fixture(scope="module")
def known() -> Known:
    """How every scenario goes when nobody disturbs it."""
    return asyncio.run(explore())


def test_every_effect_of_the_machine_is_a_case(known: Known) -> None:
    """Each kind of operation that the table of the machine allows after an event is killed before and after."""
    wanted = {(row.event.__name__, kind.__name__) for row in ROWS for kind in row.effects}
    killed = [moment.operation.split() for name in SCENARIOS for moment in known.kills(name)]
    assert wanted <= {(words[0], words[-1]) for words in killed}


@pytest.fixture(scope="module")
def problems(known: Known, request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """What was not made good, by scenario: all kills of those that were chosen, many at a time, for most is waiting."""
    return asyncio.run(_all(known, [name for name in SCENARIOS if name in chosen(request)]))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_any_effect_is_made_good(problems: dict[str, list[str]], name: str) -> None:
    """Traffic is back within the lease and no request is lost; one command makes all agree; a re-run ends as usual."""
    assert not problems[name], "\n\n".join(problems[name])


def test_with_mlflow_too(known: Known, tmp_path: Path) -> None:
    """The record is MLflow's own: a kill around each of its writes is made good by the same commands."""
    uri = f"sqlite:///{tmp_path}/registry.db"
    for number in VERSIONS:
        folder = model_folder(tmp_path / number, number.encode())
        tags = {TAG_GATE_VERDICT: "pass"}
        new = NewVersion(name=MODEL, folder=str(folder), digest=payload_digest(folder), key=number, tags=tags)
        MlflowRegistry(uri).register(new)
    kinds = ("Proven AppendLedger", "Proven SetAlias")
    moments = tuple(Moment(operation=kind, write="", when=when) for kind in kinds for when in (BEFORE, AFTER))
    asyncio.run(_with_mlflow(known, {"registry.db": (tmp_path / "registry.db").read_bytes()}, moments))


async def _with_mlflow(known: Known, empty: Position, moments: tuple[Moment, ...]) -> None:
    scenario = replace(SCENARIOS["promotion"], wanted=Wanted(mlflow=True))
    async with nursery(*MLFLOW) as born:
        async with site(born, empty, scenario.wanted) as place:
            base = await released(place)
        like_mlflow = replace(known, positions={"base": base})
        cases = (_case(born, like_mlflow, "promotion", moment, scenario) for moment in moments)
        await asyncio.gather(*cases)


async def _all(known: Known, names: list[str]) -> dict[str, list[str]]:
    turn = asyncio.Semaphore(AT_ONCE)
    cases = [(name, moment) for name in names for moment in known.kills(name)]
    async with nursery() as born:
        found = await asyncio.gather(*(_killed(born, known, name, moment, turn) for name, moment in cases))
    return {
        name: [problem for (one, _), problem in zip(cases, found, strict=True) if one == name and problem]
        for name in names
    }


async def _killed(born: Nursery, known: Known, name: str, moment: Moment, turn: asyncio.Semaphore) -> str:
    async with turn:
        for last in (False, True):  # a machine that is busy may hold up a case once; a fault shows each time
            try:
                await _case(born, known, name, moment, SCENARIOS[name])
            except Exception as problem:  # noqa: BLE001  # all cases are reported, each with its moment
                if last:
                    return f"{moment}: {type(problem).__name__} {problem}"
            else:
                break
    return ""


async def _case(born: Nursery, known: Known, name: str, moment: Moment, scenario: Scenario) -> None:
    usual, second = known.runs[name], scenario.like or name
    ends = known.runs[second].end
    async with place_of(born, known.positions, scenario) as place:
        run = await place.start(*scenario.arguments, signals={**scenario.signals, moment: KILL})
        assert await run.end() == -KILL, f"it was not killed: {run.output}"
        await traffic_is_back(place, run.ended_at, allowed={usual.before, usual.end.serving})
        nothing_is_lost(place)
        if scenario.promotes and place.serving() != usual.before:
            assert await on_record(place) == place.serving(), "traffic without a record"
        if moment.when == BEFORE and scenario.named:
            await place.run(*scenario.named)
            await all_agree(place)
        await again(place, scenario.arguments, expect=SCENARIOS[second].code)
        end = await standing(place)
        # A first release whose slot and record are there is finished by its alias: there is no traffic to move.
        phase = None if end.phase is None and not scenario.named else ends.phase
        assert end == replace(ends, phase=phase)
        await all_agree(place)
        nothing_is_lost(place)
