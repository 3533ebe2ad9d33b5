"""Seeded simulations: error rates are what the documents say."""

import random
from dataclasses import replace

from ml_cicd.decide.canary import Look, decide, make_plan, no_evidence, take_in
from ml_cicd.domain.config import CanaryConfig
from ml_cicd.domain.rollout import Counts, Decision, Observation
from tests.fakes.world import CANARY
from tests.statistics.draw import binomial, limit

SEED = 20261123
LOOK_REQUESTS = 200


def config(margin: float) -> CanaryConfig:
    """The default ladder without the waits."""
    return replace(
        CANARY, steps=(100, 500, 2500, 5000), error_margin=margin, deadline=1e9, minimum_duration=0, minimum_requests=1
    )


def rollout(rng: random.Random, champion: float, candidate: float, margin: float, looks: int) -> Decision:
    """Run one rollout on simulated traffic; HOLD where it has not ended."""
    plan = make_plan(config(margin), deadline=1e9)
    evidence, step = no_evidence(plan), 0
    for k in range(1, looks + 1):
        nc = binomial(rng, LOOK_REQUESTS, plan.steps[step] / 10_000)
        nb = LOOK_REQUESTS - nc
        counts = Counts(nc=nc, xc=binomial(rng, nc, candidate), nb=nb, xb=binomial(rng, nb, champion))
        evidence = take_in(plan, evidence, Observation(at=float(k), step=step, counts=counts))
        decision = decide(Look(plan=plan, evidence=evidence, step=step, elapsed=float(k))).decision
        if decision in {Decision.PROMOTE, Decision.ROLLBACK}:
            return decision
        step += decision is Decision.ADVANCE
    return Decision.HOLD


def share_of(decision: Decision, *, champion: float, candidate: float, runs: int) -> float:
    """Return how often seeded rollouts end in a decision."""
    rng = random.Random(SEED)
    ended = [rollout(rng, champion, candidate, margin=0.02, looks=400) for _ in range(runs)]
    return sum(d is decision for d in ended) / runs


def test_good_candidates_are_rarely_rolled_back() -> None:
    """An equal candidate at 1 % errors is rolled back in at most 5 % of rollouts, though every look may stop it."""
    assert share_of(Decision.ROLLBACK, champion=0.01, candidate=0.01, runs=150) <= limit(0.05, 150)


def test_good_candidates_are_promoted() -> None:
    """An equal candidate is promoted in most rollouts: silence is not needed, evidence suffices."""
    assert share_of(Decision.PROMOTE, champion=0.01, candidate=0.01, runs=60) >= 0.85


def test_candidates_at_the_margin_are_rarely_promoted() -> None:
    """A candidate that is exactly two points worse, the margin, is promoted in at most 5 % of rollouts."""
    assert share_of(Decision.PROMOTE, champion=0.01, candidate=0.03, runs=150) <= limit(0.05, 150)


def test_bad_candidates_are_rolled_back() -> None:
    """A candidate with 5 % errors against 1 % is rolled back, always."""
    assert share_of(Decision.ROLLBACK, champion=0.01, candidate=0.05, runs=60) == 1.0
