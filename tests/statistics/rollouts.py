"""Seeded rollouts with the traffic and the fold of `benchmarks/canary_error_rates.py`."""

import math
from collections import Counter
from dataclasses import replace

from benchmarks.canary_error_rates import Scenario, rollout
from benchmarks.streams import Traffic
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.settings import CanarySettings

TRAFFIC = Traffic(
    stream="independent",
    requests=200,
    rate=0.01,
    worse=0.0,
    burst=1.0,
    cold_looks=0,
    users=0,
    activity="equal",
    failures="equal",
    looks=100,
)


def endings(
    traffic: Traffic, *, runs: int, steps: tuple[int, ...], margin: float = 0.01, hold: bool = False
) -> Counter[str]:
    """Return how often rollouts end how, by seed."""
    settings = replace(CanarySettings(), steps=steps, guardrails={"errors": ErrorsSettings(margin=margin)})
    plan = make_plan(settings, deadline_seconds=math.inf)
    scenario = Scenario(name="", traffic=traffic, plan=plan, hold=hold, seed=20261125)
    return Counter(rollout(scenario, run).how for run in range(runs))
