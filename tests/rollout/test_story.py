"""What the report of a canary says to somebody who was woken up."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ml_cicd.commands import canary
from ml_cicd.faces.markdown import to_markdown
from ml_cicd.ground.errors import Exit, OutsideError
from ml_cicd.ground.report import Curve, Report
from ml_cicd.rollout.evidence import Look, replay
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.unanswered import UnansweredSettings
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.state import Counters, Observation
from ml_cicd.rollout.story import difference_bounds, waits
from ml_cicd.stats.sequential import Counts
from ml_cicd.world import Who
from tests.fakes.traffic import FakeSource
from tests.fakes.world import CANARY, FakeWorld, digest_of

LINK = "https://github.com/o/r/actions/runs/7"


@pytest.fixture
def world() -> FakeWorld:
    """Version 1 serves, and 2 waits."""
    world = FakeWorld(who=Who(actor="ann", run_url=LINK))
    world.add_version()
    canary.run(canary.Inputs(), world)
    world.add_version()
    world.lines.clear()
    return world


@pytest.fixture
def harmful(world: FakeWorld) -> Report:
    """Return how a canary ends that fails every fourth request."""
    world.failing["2"] = 0.25
    return canary.run(canary.Inputs(), world)


def rows(report: Report, title: str) -> Iterator[dict[str, object]]:
    """Return the rows of a table by their header."""
    table = next(table for table in report.tables if table.title == title)
    return (dict(zip(table.header, row, strict=True)) for row in table.rows)


def about(report: Report) -> dict[object, object]:
    """Return which rollout it says that it was."""
    return {row["what"]: row["is"] for row in rows(report, "This rollout")}


def test_the_report_says_which_rollout_it_was(harmful: Report) -> None:
    """Model, target, both digests, who, the run's link and the times, traffic's return among them."""
    says = about(harmful)
    assert (says["model"], says["target"], says["who"], says["run"]) == ("digits", "production", "ann", LINK)
    assert says["candidate"] == f"version 2, {digest_of('2')}"
    assert says["champion"] == f"version 1, {digest_of('1')}"
    times = [says[name] for name in ("began", "last look", "traffic where it is since")]
    assert times == sorted(times, key=str)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(time)) for time in times)


def test_the_headline_says_at_which_share_harm_was_found(harmful: Report) -> None:
    """Not where the share is afterwards: that is the output, and it is 0."""
    assert harmful.headline.startswith("Rolled back at 5 %: the candidate fails more often")
    assert harmful.outputs["share"] == "0"


def test_the_failures_of_both_arms_stand_by_share(harmful: Report) -> None:
    """They add up to what the reason says."""
    (row,) = rows(harmful, "Errors by share")
    assert row["share"] == "5 %"
    assert f"version 2 failed {row['candidate errors']} of {row['candidate requests']} requests" in harmful.headline
    assert row["champion errors"] == 0


def test_the_decision_has_an_estimate(harmful: Report) -> None:
    """Both rates, their difference with an interval around it, and how many failures that are."""
    (row,) = rows(harmful, "How sure")
    numbers = {name: float(str(row[name])) for name in ("candidate", "difference", "from", "to", "excess")}
    assert 20 < numbers["candidate"] <= 25
    assert numbers["from"] < numbers["difference"] < numbers["to"]
    assert numbers["excess"] == next(rows(harmful, "Errors by share"))["candidate errors"]
    assert any("It decides nothing" in note for note in harmful.notes)


def test_the_interval_has_a_width_without_failures() -> None:
    """None of 9 against none of 96 is little evidence, and reads like it."""
    low, high = difference_bounds(Counts(nc=9, xc=0, nb=96, xb=0))
    assert low < -0.05
    assert high > 0.2
    assert difference_bounds(Counts(nc=1, xc=1, nb=1, xb=0))[1] <= 1


def test_what_hangs_is_not_waited_for_with_requests() -> None:
    """Every margin is proven, and the candidate's last requests are open: more requests are not what is missing."""
    guards = {"errors": ErrorsSettings(), "unanswered": UnansweredSettings()}
    plan = make_plan(replace(CANARY, guardrails=guards), deadline_seconds=600)
    good, hangs = Counts(nc=500, xc=0, nb=500, xb=0), Counts(nc=12, xc=12, nb=12, xb=0)
    seen = [
        Observation(at_seconds=10.0 * look, step=1, readings={"errors": good, "unanswered": good})
        for look in range(1, 9)
    ]
    last = Observation(at_seconds=90.0, step=1, readings={"errors": good, "unanswered": hangs})
    for looks, says in ((seen, ""), ([*seen, last], "waits for a look as it should be; ")):
        look = Look(plan=plan, evidence=replay(plan, tuple(looks)), step=1, elapsed_seconds=90)
        assert waits(look) == f"{says}deadline in 8 min"


def test_every_look_says_when_where_and_what_it_waits_for(world: FakeWorld, harmful: Report) -> None:
    """A time of day, the step, both arms' failures, what is there, what is needed, and what is left."""
    line = next(line for line in world.lines if "step 1 of 2" in line)
    assert re.match(r"1970-01-12T\d\d:\d\d:\d\dZ ", line)
    assert "candidate 50 requests, 12 failed; champion 950, 0" in line
    assert re.search(r"waits for candidate requests, has \d+, needs about [\d,]+", line)
    assert "waits for looks, has 1, needs 3" in line
    assert re.search(r"deadline in 10 min|deadline in 9 min", line)


def test_the_share_is_drawn(world: FakeWorld) -> None:
    """A promotion's chart rises from the first share to the last."""
    report = canary.run(canary.Inputs(), world)
    chart = next(s for s in report.sections if isinstance(s, Curve) and s.title == "Share of the candidate")
    (points,) = chart.series.values()
    assert (points[0][1], points[-1][1]) == (5.0, 50.0)
    assert to_markdown(report).count("xychart-beta") == 2


def test_a_rollback_after_one_look_has_a_picture_too(world: FakeWorld) -> None:
    """The share is drawn from the beginning to the look, and why there is no more to draw is a sentence."""
    world.failing["2"] = 1.0
    report = canary.run(canary.Inputs(), world)
    assert len(list(report.details["observations"])) == 1  # type: ignore[call-overload]
    (chart,) = (section for section in report.sections if isinstance(section, Curve))
    assert chart.series == {"version 2": ((0.0, 5.0), (5.0, 5.0))}
    assert "xychart-beta" in to_markdown(report)
    assert sum("there is no curve" in note for note in report.notes) == 1


@pytest.mark.parametrize(
    ("failing", "code", "words"),
    [(0.0, Exit.DONE, "version 2 serves. To undo it"), (0.25, Exit.FAILED, "canary --target production --candidate 2")],
)
def test_every_end_says_what_to_do(world: FakeWorld, failing: float, code: Exit, words: str) -> None:
    """Also where nothing has to be done."""
    world.failing["2"] = failing
    report = canary.run(canary.Inputs(), world)
    assert report.exit_code is code
    assert words in report.cure


def test_a_look_on_the_way_says_what_comes(world: FakeWorld) -> None:
    """A tick tells the command of the next one."""
    report = canary.run(canary.Inputs(mode="tick"), world)
    assert "--candidate 2 --mode tick" in report.cure
    assert json.dumps(report.details)


class TellingSource(FakeSource):
    """A source that tells kinds and remembers one failure of each slot, or does not answer."""

    silent = False

    def read(self) -> dict[str, Counters]:
        """Return the counters, each failure an answer 5xx but the first, which was broken off."""
        return {
            slot: replace(
                seen, kinds={"answer 5xx": max(0, seen.events["errors"] - 1), "broken": min(1, seen.events["errors"])}
            )
            for slot, seen in super().read().items()
        }

    def examples(self, slot: str, *, since: float) -> tuple[str, ...]:
        """Return one that failed and one that was refused."""
        if self.silent:
            raise OutsideError("It does not answer.", cure="Start it.")
        return tuple(f"{slot} {since:.0f} GET /predict: status {status}" for status in (500, 422))


@pytest.mark.parametrize("silent", [False, True])
def test_what_failed_is_told_by_kind_with_one_example(world: FakeWorld, *, silent: bool) -> None:
    """Kinds of both arms, the candidate's commonest first, and one request of its slot; silence costs only that."""
    world.fake_source = TellingSource()
    world.fake_source.silent = silent
    world.failing["2"] = 0.25
    report = canary.run(canary.Inputs(), world)
    assert report.exit_code is Exit.FAILED
    found = list(rows(report, "Kinds of failure"))
    assert [row["kind"] for row in found] == ["answer 5xx", "broken"]
    errors = next(iter(rows(report, "Errors by share")))["candidate errors"]
    assert sum(int(str(row["candidate"])) for row in found) == errors
    began = int(world.fake_router.state.started_at) if world.fake_router.state else 0
    for status in (500, 422):
        note = f"One of the candidate's failures: green {began} GET /predict: status {status}."
        assert (note in report.notes) is not silent
