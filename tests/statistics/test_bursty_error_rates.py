"""Seeded simulations of failures in bursts, with the traffic and the fold of `benchmarks/canary_error_rates.py`."""

import math
from dataclasses import replace

import pytest

from benchmarks.streams import Traffic
from ml_cicd.rollout.evidence import is_harmful, no_evidence, take_in
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.settings import CanarySettings
from ml_cicd.rollout.state import Observation
from ml_cicd.stats.sequential import Counts
from tests.statistics.draw import limit
from tests.statistics.rollouts import TRAFFIC, endings

RUNS = 120
BURSTY = replace(TRAFFIC, stream="bursty", burst=5.0)


def ended(traffic: Traffic, how: str, *, runs: int, steps: tuple[int, ...], hold: bool = False) -> float:
    """Return the share of rollouts that end in one way, by seed; the margin is one point."""
    return endings(traffic, runs=runs, steps=steps, hold=hold)[how] / runs


@pytest.mark.parametrize("burst", [1.2, 2.0, 5.0])
def test_bursts_do_not_roll_back(burst: float) -> None:
    """Looked at a hundred times at a share of 10 %, an equal candidate is rolled back in at most 5 %, though nothing
    was known of bursts before the first one.
    """
    assert ended(replace(BURSTY, burst=burst), "rollback", runs=RUNS, steps=(1000,), hold=True) <= limit(0.05, RUNS)


def test_bursts_do_not_promote() -> None:
    """A candidate that is worse by the whole margin is promoted in at most 5 %."""
    worse = replace(BURSTY, worse=0.01, looks=150)
    assert ended(worse, "promote", runs=60, steps=(1000, 5000)) <= limit(0.05, 60)


def test_independent_failures_are_seen_early() -> None:
    """Five times as many failures, each on its own, are harm within thirty looks in nearly all rollouts."""
    worse = replace(BURSTY, burst=1.0, worse=0.04, looks=30)
    assert ended(worse, "rollback", runs=60, steps=(1000,), hold=True) >= 0.95


def test_what_fails_again_and_again_all_at_once_is_harm() -> None:
    """A candidate of which four in ten requests fail in every third look, and none between, costs three such looks at
    half of the traffic, though its failures are clustered as chance never clusters the champion's.
    """
    settings = replace(CanarySettings(), steps=(5000,), guardrails={"errors": ErrorsSettings(margin=0.01)})
    plan = make_plan(settings, deadline_seconds=math.inf)
    evidence = no_evidence(plan)
    for number in range(1, 61):
        crashes = 40 if number >= 15 and number % 3 == 0 else 0
        counts = Counts(nc=100, xc=crashes, nb=100, xb=number % 2)
        look = Observation(at_seconds=15.0 * number, step=0, readings={"errors": counts}, requests=(100, 100))
        evidence = take_in(plan, evidence, look)
        if is_harmful(plan, evidence):
            break
    assert 15 <= number <= 21
