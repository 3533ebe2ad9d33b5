"""A canary's verdict repeated from its report, or from the file of looks: byte for byte, offline, nothing touched."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ml_cicd.commands.canary import Inputs, run
from ml_cicd.config import Config
from ml_cicd.faces.json_v1 import to_json
from ml_cicd.ground.errors import CorruptState, EvidenceError, Exit, InputError, IntegrityError, MlCicdError
from ml_cicd.ground.report import Report
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.settings import LADDER
from ml_cicd.rollout.state_text import dump_look
from tests.fakes.world import CANARY, CONFIG, FakeWorld, NoFiles


class OneFile(NoFiles):
    """One text, whatever it is called (world.Files)."""

    def __init__(self, text: str) -> None:
        """Keep it."""
        self.text = text

    def read_text(self, path: str, *, limit: int) -> str:
        """Return it."""
        return self.text


class Offline(FakeWorld):
    """A world that has no target to look at."""

    def site(self, *_: object, **__: object) -> Any:
        """Nobody may ask for one."""
        raise AssertionError


def begun(**failing: float) -> FakeWorld:
    """Version 2 about to be rolled out over 1."""
    world = FakeWorld(failing={"1": 0.01, **{name[1:]: rate for name, rate in failing.items()}})
    world.add_version()
    run(Inputs(), world)
    world.add_version()
    return world


def as_file(report: Report) -> str:
    """The report as it lies on disk."""
    return to_json(report, tool_version="1", outputs=report.outputs)


def replayed(text: str, **inputs: str) -> Report:
    """Replay with the configuration of the tests."""
    return run(Inputs(replay="report.json", **inputs), Offline(files=OneFile(text)))  # type: ignore[arg-type]


def replayed_with(text: str, settings: Config) -> Report:
    """Replay with another configuration."""
    return run(Inputs(replay="report.json"), Offline(settings=settings, files=OneFile(text)))


def said(report: Report) -> tuple[int, str, str]:
    """What a run decided, in its words."""
    return report.exit_code, report.outputs["decision"], report.outputs["reason"]


@pytest.mark.parametrize(
    ("failing", "rate", "decision"), [(0.01, 200, "promote"), (0.2, 200, "rollback"), (0.01, 0, "inconclusive")]
)
def test_every_end_is_repeated(failing: float, rate: int, decision: str) -> None:
    """The same decision, reason and exit code from the report of the run."""
    world = begun(v2=failing)
    world.rate = rate
    report = run(Inputs(allow_inconclusive=True), world)
    again = replayed(as_file(report))
    assert report.outputs["decision"] == decision
    assert said(again) == said(report)


def test_a_mismatch_is_repeated() -> None:
    """The words for a share that was not the written one come again too."""
    world = begun()
    serve = world.fake_source.serve

    def skewed(slot: str, requests: int, errors: int) -> None:
        """Give the candidate three times its share."""
        serve(slot, requests * 3 if slot == "green" else requests, errors)

    world.fake_source.serve = skewed  # type: ignore[method-assign]
    report = run(Inputs(), world)
    assert "mismatch" in report.outputs["reason"]
    assert said(replayed(as_file(report))) == said(report)


def test_every_tick_is_repeated() -> None:
    """A look on the way, too: held, advanced and at last promoted, each from its own report."""
    world = begun()
    run(Inputs(mode="tick"), world)
    decisions: list[str] = []
    while not decisions or decisions[-1] == "hold":
        world.fake_clock.sleep(10)
        report = run(Inputs(mode="tick"), world)
        assert said(replayed(as_file(report))) == said(report)
        decisions.append(report.outputs["decision"])
    assert decisions[-1] == "promote"
    assert len(decisions) > 5


@pytest.mark.parametrize("failing", [0.01, 0.2])
def test_the_file_of_looks_is_enough(failing: float) -> None:
    """What lies beside the router gives the same decision; it does not know the versions' numbers."""
    world = begun(v2=failing)
    report = run(Inputs(), world)
    state = world.fake_router.state
    assert state is not None
    text = "".join(dump_look(seen) for seen in world.fake_router.looks[state.run_id])
    again = replayed(text)
    assert again.outputs["decision"] == report.outputs["decision"]
    assert again.outputs["reason"].partition(" (")[0] == report.outputs["reason"].partition(" (")[0]


def test_a_replay_reports_no_traffic_that_moved() -> None:
    """Whatever was decided then, this run took nothing back."""
    world = begun(v2=0.2)
    report = replayed(as_file(run(Inputs(), world)))
    assert (report.outputs["rolled-back"], report.exit_code) == ("false", Exit.FAILED)
    assert report.headline.startswith("Replayed: rollback: ")


def test_the_report_of_a_replay_can_be_replayed() -> None:
    """It holds the same observations, and lies in a folder of its own."""
    report = run(Inputs(), begun(v2=0.2))
    again = replayed(as_file(report))
    assert again.command == "canary-replay"
    assert again.details == report.details
    assert said(replayed(as_file(again))) == said(report)


def changed(report: Report, **details: object) -> str:
    """A report whose details say something else."""
    data: dict[str, Any] = json.loads(as_file(report))
    data["details"] |= details
    return json.dumps(data)


def test_a_changed_report_is_found_out() -> None:
    """Observations that lead elsewhere than the report says: exit 3."""
    report = run(Inputs(), begun(v2=0.2))
    decided = report.details["decided"]
    assert isinstance(decided, Mapping)
    with pytest.raises(IntegrityError, match="lead to rollback"):
        replayed(changed(report, decided={**decided, "decision": "promote"}))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("observations", lambda rows: [*rows[:-1], rows[-1][:1]], "not whole"),
        ("observations", lambda rows: [*rows[:-1], rows[-1][:-1]], "not whole"),
        ("groups", lambda _rows: [[1, 2]], "not whole"),
        ("observations", lambda rows: [*rows[:-1], [rows[-1][0], 7, *rows[-1][2:]]], "not of this plan"),
    ],
    ids=["cut off", "a reading is missing", "groups of another number of looks", "a step that is not there"],
)
def test_looks_that_are_not_whole_are_refused(
    name: str, value: Callable[[list[list[object]]], object], problem: str
) -> None:
    """A report that was cut or put together by hand is named as that, and nothing else goes wrong."""
    data = json.loads(as_file(run(Inputs(), begun())))
    data["details"][name] = value(data["details"]["observations"])
    with pytest.raises(MlCicdError, match=problem):
        replayed(json.dumps(data))


def test_another_plan_repeats_nothing() -> None:
    """Under another configuration the same observations mean something else."""
    text = as_file(run(Inputs(), begun()))
    settings = replace(CONFIG, canary=replace(CANARY, guardrails={"errors": ErrorsSettings(margin=0.1)}))
    with pytest.raises(InputError, match="another canary configuration"):
        run(Inputs(replay="r"), Offline(settings=settings, files=OneFile(text)))


def test_looks_of_another_plan() -> None:
    """A file of looks has no digest, but a step that this plan does not have gives it away."""
    look = '{"at": 1.0, "step": 3, "readings": {"errors": [1, 0, 9, 0]}}\n'
    assert (
        run(
            Inputs(replay="r"),
            Offline(settings=replace(CONFIG, canary=replace(CANARY, steps=LADDER)), files=OneFile(look)),
        ).outputs["decision"]
        == "hold"
    )
    with pytest.raises(EvidenceError, match="not of this plan"):
        replayed(look)


@pytest.mark.parametrize("text", ["", "{}", '{"details": {}}\n', '{"details": 3}', "nonsense\n", "[1]\n", "\x00"])
def test_what_is_no_record_is_refused(text: str) -> None:
    """Exit 2 or 4, with the two kinds of files that would do."""
    with pytest.raises((InputError, CorruptState)) as problem:
        replayed(text)
    assert problem.value.cure
