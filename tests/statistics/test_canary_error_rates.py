"""Seeded simulations: error rates are what the documents say."""

import math
import random
from collections import Counter
from dataclasses import replace

from ml_cicd.rollout.evidence import Look, decide, is_harmful, no_evidence, take_in
from ml_cicd.rollout.guardrail import Levels, Proves, Window
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.latency import LatencySettings
from ml_cicd.rollout.guardrails.refusals import RefusalsSettings
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.settings import CanarySettings
from ml_cicd.rollout.state import Decision, Observation
from ml_cicd.rollout.times import bucket_of
from ml_cicd.stats.sequential import Counts
from tests.fakes.world import CANARY
from tests.statistics.draw import binomial, limit

SEED = 20261123
LOOK_REQUESTS = 200


def config(margin: float) -> CanarySettings:
    """The default ladder without the waits."""
    guardrails = {"errors": ErrorsSettings(margin=margin)}
    steps = (100, 500, 2500, 5000)
    return replace(CANARY, steps=steps, guardrails=guardrails, deadline=1e9, minimum_duration=0, minimum_requests=1)


def rollout(rng: random.Random, champion: float, candidate: float, margin: float, looks: int) -> Decision:
    """Run one rollout on simulated traffic; HOLD where it has not ended."""
    plan = make_plan(config(margin), deadline_seconds=1e9)
    evidence, step = no_evidence(plan), 0
    for k in range(1, looks + 1):
        nc = binomial(rng, LOOK_REQUESTS, plan.steps[step] / 10_000)
        nb = LOOK_REQUESTS - nc
        counts = Counts(nc=nc, xc=binomial(rng, nc, candidate), nb=nb, xb=binomial(rng, nb, champion))
        evidence = take_in(plan, evidence, Observation(at_seconds=float(k), step=step, readings={"errors": counts}))
        decision = decide(Look(plan=plan, evidence=evidence, step=step, elapsed_seconds=float(k))).decision
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


def test_two_guardrails_share_the_false_rollbacks() -> None:
    """An equal candidate that is watched for failures and for refusals is rolled back in at most 5 % all the same."""
    rng, runs, rolled_back = random.Random(SEED), 150, 0
    both = {"errors": ErrorsSettings(margin=0.02), "refusals": RefusalsSettings(margin=0.02)}
    plan = make_plan(replace(config(0.02), guardrails=both), deadline_seconds=1e9)
    for _ in range(runs):
        evidence = no_evidence(plan)
        for k in range(1, 201):
            nc = binomial(rng, LOOK_REQUESTS, 0.25)
            nb = LOOK_REQUESTS - nc
            readings = {
                name: Counts(nc=nc, xc=binomial(rng, nc, rate), nb=nb, xb=binomial(rng, nb, rate))
                for name, rate in (("errors", 0.01), ("refusals", 0.05))
            }
            evidence = take_in(plan, evidence, Observation(at_seconds=float(k), step=2, readings=readings))
            if is_harmful(plan, evidence):
                rolled_back += 1
                break
    assert rolled_back / runs <= limit(0.05, runs)


def times_of_a_look(rng: random.Random, share: float, slower: float, drift: float) -> tuple[Window, Window]:
    """Draw lognormal times of one look; a drift is both arms'. `slower` is the candidate's factor."""
    windows = []
    for count, factor in ((round(LOOK_REQUESTS * share), slower), (round(LOOK_REQUESTS * (1 - share)), 1.0)):
        took = (20 * factor * drift * math.exp(0.5 * rng.gauss(0, 1)) for _ in range(count))
        windows.append(Window(requests=count, times=dict(Counter(bucket_of(int(t)) for t in took))))
    return windows[0], windows[1]


def rolled_back_by_latency(slower: float, runs: int, looks: int) -> float:
    """Return how often the guardrail alone, with all 5 % for itself, rolls back; the times of both arms drift."""
    rng, found = random.Random(SEED), 0
    guard = LatencySettings().guardrail(Levels(steps=(1000,), harm_alpha=0.05, safety_alpha=0.05))
    for _ in range(runs):
        evidence = guard.start()
        for look in range(looks):
            drift = 1 + 0.7 * math.sin(look / 5) if look != looks // 2 else 10.0
            candidate, champion = times_of_a_look(rng, 0.1, slower, drift)
            evidence = guard.take_in(evidence, guard.reading(candidate, champion), Proves.ALL)
            if guard.harm_log_e(evidence) >= -math.log(0.05):
                found += 1
                break
    return found / runs


def test_latency_keeps_its_level_under_a_common_drift() -> None:
    """Equally fast, or 15 % slower, which is tolerated: rolled back in at most 5 %, whatever both arms do together."""
    for slower in (1.0, 1.15):
        assert rolled_back_by_latency(slower, runs=40, looks=40) <= limit(0.05, 40)


def test_latency_is_seen() -> None:
    """Twice as long is rolled back, always."""
    assert rolled_back_by_latency(2.0, runs=20, looks=40) == 1.0
