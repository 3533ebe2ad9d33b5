"""Seeded simulations of the gate: how often it errs, beside the comparison of two bare numbers."""

import math
import random
from collections import Counter
from dataclasses import dataclass

import pytest

from ml_cicd.gate.evidence import Evidence
from ml_cicd.gate.judge import judge
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.policy import Policy, build_policy
from ml_cicd.gate.samples import Average, Paired, Proportion, Sample
from ml_cicd.gate.settings import GateSettings
from ml_cicd.gate.statistics import Confusion, Label
from ml_cicd.ground.finding import Bindings, Outcome, Scope, Subject
from ml_cicd.stats.macro import F1, macro_estimate
from tests.statistics.draw import binomial, limit

SEED = 20261123
RUNS = 400
ROWS = 5000
BINDINGS = Bindings(policy="sha256:p")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often each outcome came, and how often the candidate's bare number was below the champion's."""

    passed: float
    failed: float
    below: float


def policy(*, threshold: float = 0.0, margin: float = 0.0) -> Policy:
    """One rule: accuracy against a threshold, or against the champion."""
    gate = GateSettings(
        thresholds={"accuracy": threshold} if threshold else {},
        versus_champion={} if threshold else {"accuracy": {"margin": margin}},
    )
    return build_policy(gate, thresholds=None, where="x")


def outcome(rules: Policy, scope: Scope, sample: Sample) -> Outcome:
    """Judge one sample."""
    subject = Subject(metric="accuracy", scope=scope)
    evidence = Evidence(samples={subject: sample}, absent={}, digests={}, has_champion=True)
    return judge(rules, evidence, BINDINGS).outcome


def against_champion(*, change: float, disagree: float, margin: float) -> Rates:
    """Judge candidates whose accuracy differs by `change`, where the models disagree on a share of the rows."""
    rng, rules = random.Random(SEED), policy(margin=margin)
    outcomes, below = [], 0
    for _ in range(RUNS):
        differing = binomial(rng, ROWS, disagree)
        wins = binomial(rng, differing, (disagree + change) / 2 / disagree)
        below += wins < differing - wins
        outcomes.append(
            outcome(rules, Scope.CHANGE, Paired(only_candidate=wins, only_champion=differing - wins, n=ROWS))
        )
    return Rates(
        passed=outcomes.count(Outcome.PASS) / RUNS,
        failed=outcomes.count(Outcome.FAIL) / RUNS,
        below=below / RUNS,
    )


def test_equal_models_pass() -> None:
    """Comparing two bare numbers blocks nearly half of all equal models; the gate blocks one in a hundred at most."""
    rates = against_champion(change=0, disagree=0.03, margin=0.01)
    assert rates.below > 0.4
    assert rates.passed >= 0.99


@pytest.mark.parametrize("disagree", [0.02, 0.05, 0.2])
def test_models_at_the_margin_rarely_pass(disagree: float) -> None:
    """A candidate that is exactly the margin worse passes in at most 5 % of evaluations."""
    assert against_champion(change=-0.01, disagree=disagree, margin=0.01).passed <= limit(0.05, RUNS)


def test_models_at_the_margin_rarely_fail_for_sure() -> None:
    """Nor does the gate say `fail` of it in more than 5 %: what it cannot know it calls inconclusive."""
    assert against_champion(change=-0.01, disagree=0.05, margin=0.01).failed <= limit(0.05, RUNS)


def test_worse_models_do_not_pass() -> None:
    """Three points worse with a margin of one: never."""
    assert against_champion(change=-0.03, disagree=0.05, margin=0.01).passed == 0


@pytest.mark.parametrize("rows", [50, 500, 5000])
def test_a_candidate_at_the_threshold_rarely_passes(rows: int) -> None:
    """True accuracy equal to the threshold: a pass in at most 5 % of evaluations, however few the rows are."""
    rng, rules = random.Random(SEED), policy(threshold=0.9)
    passed = sum(
        outcome(rules, Scope.VALUE, Proportion(successes=binomial(rng, rows, 0.9), n=rows)) is Outcome.PASS
        for _ in range(RUNS)
    )
    assert passed / RUNS <= limit(0.05, RUNS)


def test_the_rows_that_were_named_settle_it() -> None:
    """An inconclusive finding names rows; evaluated anew on three times as many, four of five candidates pass."""
    rng, rules, settled, asked = random.Random(SEED), policy(threshold=0.9), 0, 0
    for _ in range(RUNS):
        sample = Proportion(successes=binomial(rng, 300, 0.92), n=300)
        evidence = Evidence(samples={Subject(metric="accuracy"): sample}, absent={}, digests={})
        finding = judge(rules, evidence, BINDINGS).findings[0]
        if finding.outcome is not Outcome.INCONCLUSIVE or finding.rows_needed is None:
            continue
        if not math.isclose(sample.successes / sample.n, 0.92, abs_tol=0.01):
            continue
        asked += 1
        rows = 3 * finding.rows_needed
        settled += outcome(rules, Scope.VALUE, Proportion(successes=binomial(rng, rows, 0.92), n=rows)) is Outcome.PASS
    assert asked > 50
    assert settled / asked >= 0.8


@pytest.mark.parametrize("accuracy", [0.90, 0.97, 0.99])
def test_macro_bounds_hold_their_level(accuracy: float) -> None:
    """The lower bound of macro F1 (10 classes, 500 rows) is above the truth in about 5 % of tables at most."""
    rng, runs, wrong = random.Random(SEED), 400, 0
    for _ in range(runs):
        table = [[0] * 10 for _ in range(10)]
        for row in range(500):
            label = row % 10
            right = rng.random() < accuracy
            table[label][label if right else (label + 1 + rng.randrange(9)) % 10] += 1
        estimate = macro_estimate(table, F1)
        average = Average(value=estimate.value, effective_n=estimate.effective_n, n=estimate.n)
        wrong += (average.bounded(0.05).lower or 0) > accuracy
    assert wrong / runs <= limit(0.05, runs)


@pytest.mark.parametrize(("rows", "rare"), [(100, 0.01), (100, 0.05), (300, 0.02)])
@pytest.mark.parametrize("name", ["precision", "recall", "f1_score"])
def test_a_rare_class_does_not_loosen_the_bound(name: str, rows: int, rare: float) -> None:
    """Half of a rare class is found: the bound is above the truth in at most 5 %, however few rows hold it."""
    rng, runs, wrong = random.Random(SEED), 300, 0
    cells = {("spam", "spam"): rare / 2, ("spam", "ham"): rare / 2, ("ham", "spam"): 0.01, ("ham", "ham"): 0.99 - rare}
    truth = average(cells, name)
    for _ in range(runs):
        drawn: Counter[tuple[Label, Label]] = Counter(rng.choices(list(cells), list(cells.values()), k=rows))
        sample = CATALOGUE[name].sample(Confusion(cells=drawn))
        assert isinstance(sample, Average)
        judged = sample.bounded(0.05)
        wrong += judged.lower is not None and judged.lower > truth
    assert wrong / runs <= limit(0.05, runs)


def average(cells: dict[tuple[str, str], float], name: str) -> float:
    """Return the macro average of a table of probabilities."""
    values = []
    for one in ("spam", "ham"):
        hits = cells[one, one]
        actual = sum(p for (label, _), p in cells.items() if label == one)
        predicted = sum(p for (_, prediction), p in cells.items() if prediction == one)
        rates = {"recall": hits / actual, "precision": hits / predicted, "f1_score": 2 * hits / (actual + predicted)}
        values.append(rates[name])
    return sum(values) / 2
