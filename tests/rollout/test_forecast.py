"""The forecast: how long a rollout takes at the traffic there is, the ways out of too long, and where to begin."""

from dataclasses import replace

import pytest

from ml_cicd.rollout.forecast import Forecast, Traffic, first_step, forecast, measure, too_slow
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.refusals import RefusalsSettings
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.settings import LADDER, CanarySettings
from ml_cicd.rollout.state import Counters, Split
from ml_cicd.rollout.users import Group
from tests.fakes.world import CONFIG, FakeWorld

DEFAULTS = CanarySettings(guardrails={"errors": ErrorsSettings()})


def traffic(per_second: float, rate: float, *guards: str) -> Traffic:
    """Five seconds of it."""
    guards = guards or ("errors",)
    return Traffic(seconds=5.0, requests=round(5 * per_second), rates=dict.fromkeys(guards, rate))


def of(settings: CanarySettings, seen: Traffic, *, first: int = 0) -> Forecast:
    """Forecast with half an hour's deadline and no pause between looks."""
    return forecast(make_plan(settings, deadline_seconds=1800), seen, first=first, interval_seconds=0)


def test_the_requests_are_those_of_the_formulas_that_decide() -> None:
    """Step by step what the guardrail that needs most says, and the time that they take at the step's share."""
    found, guards = of(DEFAULTS, traffic(100, 0.01)), make_plan(DEFAULTS, deadline_seconds=1).guardrails
    for stage in found.stages:
        assert stage.requests == max(guard.requests_needed(stage.step, 0.01) for guard in guards)
        assert stage.seconds == pytest.approx(stage.requests / (100 * LADDER[stage.step] / 10_000))


@pytest.mark.parametrize(
    ("per_second", "rate", "low", "high"),
    [(10, 0.01, 50, 60), (10, 0.05, 170, 190), (100, 0.01, 10, 10), (100, 0.05, 17, 19)],
)
def test_minutes_of_the_default_ladder(per_second: float, rate: float, low: float, high: float) -> None:
    """Near what simulated rollouts of an equal candidate took on average: 55, 187, 10 and 15 minutes."""
    assert low <= of(DEFAULTS, traffic(per_second, rate)).seconds / 60 <= high


def test_the_slowest_guardrail_decides() -> None:
    """Every guardrail must prove its margin, so a step lasts as long as the one that needs most."""
    both = replace(
        DEFAULTS, guardrails={"errors": ErrorsSettings(margin=0.1), "refusals": RefusalsSettings(margin=0.01)}
    )
    alone = replace(DEFAULTS, guardrails={"errors": ErrorsSettings(margin=0.01)})
    assert of(both, traffic(100, 0.01, "errors", "refusals")).stages == of(alone, traffic(100, 0.01)).stages


def test_looks_take_their_time_too() -> None:
    """Three looks a step, however many requests come."""
    found = forecast(make_plan(DEFAULTS, deadline_seconds=1), traffic(1e6, 0.01), first=0, interval_seconds=60)
    assert [stage.seconds for stage in found.stages] == [180.0] * 4


def test_the_ways_out_are_ways_out() -> None:
    """Each number that the refusal names makes the same rollout fit, and there are three of them."""
    seen = traffic(10, 0.03)
    found = of(DEFAULTS, seen)
    assert not found.in_time
    problem = too_slow(DEFAULTS, found, first=0, interval_seconds=0)
    assert "takes about 118 minutes, and its deadline comes after 30" in problem.what
    assert "--deadline-minutes 178" in problem.cure
    assert "wider margin (errors 0.015)" in problem.cure
    assert of(replace(DEFAULTS, guardrails={"errors": ErrorsSettings(margin=0.015)}), seen).in_time
    assert "--allow-inconclusive true" in problem.cure


def test_fewer_steps_are_named_where_they_help() -> None:
    """At 1 % errors the first steps take most of the time."""
    seen = traffic(10, 0.01)
    problem = too_slow(DEFAULTS, of(DEFAULTS, seen), first=0, interval_seconds=0)
    assert "canary.steps: [25, 50]" in problem.cure
    assert of(replace(DEFAULTS, steps=(2500, 5000)), seen).in_time
    assert not of(replace(DEFAULTS, steps=(500, 2500, 5000)), seen).in_time


def test_what_would_not_do_is_not_offered() -> None:
    """Five requests in five seconds: no deadline, margin or ladder helps a service that nobody asks."""
    settings = replace(DEFAULTS, steps=(1,))
    problem = too_slow(settings, of(settings, traffic(1, 0.5)), first=0, interval_seconds=0)
    assert "no deadline of at most 7 days would do; no wider margin would do; no fewer steps would do" in problem.cure


@pytest.mark.parametrize(
    ("steps", "per_second", "first"),
    [(LADDER, 19, 1), (LADDER, 21, 0), (tuple(map(int, LADDER)), 19, 0), ((500, 5000), 1, 0)],
    ids=["scarce", "enough", "the same, but written", "written"],
)
def test_the_default_ladder_begins_where_traffic_allows(steps: tuple[int, ...], per_second: float, first: int) -> None:
    """1 % only above twenty requests a second; what the configuration writes is used as it is."""
    assert first_step(CanarySettings(steps=steps), traffic(per_second, 0.01)) == first


def test_the_read_configuration_is_another_ladder() -> None:
    """The default itself is told from an equal one: by the settings that nobody wrote."""
    assert CanarySettings().steps is LADDER


@pytest.mark.parametrize(
    ("users", "requests", "alone", "first"),
    [(10, 500, 0, 2), (10, 500, 300, 0), (1, 500, 490, 0), (1, 500, 3, 2), (1, 0, 0, 0), (0, 500, 500, 0)],
)
def test_requests_of_nobody_known_fall_to_the_first_step(users: float, requests: int, alone: int, first: int) -> None:
    """A step is left out only where nobody would fall to it: one monitor with a name is not all traffic."""
    seen = replace(traffic(100, 0.01), users=users, requests=requests, alone=alone)
    assert first_step(replace(DEFAULTS, steps=(100, 500, 2500, 5000)), seen) == first
    assert ("no known user" in seen.words) == (0 < 10 * alone >= requests and users > 0)


class NamedInPart:
    """A source that counts a hundred requests at each reading, of which some are those of one known user."""

    def __init__(self, known: int) -> None:
        """Begin."""
        self.known, self.readings, self.asked = known, 0, 0

    def read(self) -> dict[str, Counters]:
        """Count on."""
        self.readings += 1
        events = {"errors": 0}
        return {
            "blue": Counters(requests=100 * self.readings, epoch="1", events=events),
            "green": Counters(requests=0, epoch="1", events=events),
        }

    def groups(self) -> tuple[Group, ...]:
        """Count on."""
        self.asked += 1
        return (Group(slot="blue", salt="none", number=5, requests=self.known * self.asked),)


@pytest.mark.parametrize(("known", "alone"), [(100, 0), (1, 99), (0, 100)])
def test_measuring_tells_requests_without_a_user(known: int, alone: int) -> None:
    """What comes while one looks, less what the groups of users grow by."""
    site = replace(FakeWorld().site(CONFIG, target="", registry_uri=""), source=NamedInPart(known))
    plan = make_plan(DEFAULTS, deadline_seconds=1)
    found = measure(site, plan, Split(serving="blue", idle="green"))
    assert (found.requests, found.alone) == (100, alone)
