"""What an open finding advises does settle it: tried by judging again with the advised number."""

import math

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ml_cicd.gate.advice import looser
from ml_cicd.gate.evidence import Evidence
from ml_cicd.gate.judge import compare, judge
from ml_cicd.gate.mean import Mean
from ml_cicd.gate.policy import Policy, Rule, change_rule, value_rule
from ml_cicd.gate.samples import Average, Estimate, FScore, Interval, Paired, Proportion, Quantile, Sample
from ml_cicd.gate.settings import WhenInconclusive, WhenNoChampion
from ml_cicd.ground.finding import Bindings, Finding, Outcome
from ml_cicd.stats.intervals import whole_above, whole_below

ALPHA = 0.05
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
FEW = st.integers(2, 60)
LIMITS = st.integers(1, 99).map(lambda percent: percent / 100)
MARGINS = st.integers(0, 20).map(lambda percent: percent / 100)


def judged(rule: Rule, sample: Sample) -> Finding:
    """Judge one sample by one rule."""
    alone = Policy(
        rules=(rule,),
        confidence=1 - ALPHA,
        when_inconclusive=WhenInconclusive.FAIL,
        when_no_champion=WhenNoChampion.FAIL,
    )
    (found,) = judge(alone, Evidence(samples={rule.subject: sample}, absent={}, digests={}), Bindings()).findings
    return found


def settles(rule: Rule, sample: Sample) -> bool:
    """Whether the rule is open no longer."""
    return judged(rule, sample).outcome in {Outcome.PASS, Outcome.FAIL}


def enough_for_the_looser(rule: Rule, sample: Sample) -> bool:
    """Whether the looser rule that is advised passes, in the words that stand there; true where there is none."""
    bounds = sample.bounded(ALPHA)
    loose = looser(bounds, rule)
    if loose is None:
        return True
    return (
        compare(bounds, loose.limit, loose.direction) is Outcome.PASS
        and compare(bounds, rule.limit, rule.direction) is not Outcome.PASS
        and f"enough for '{loose.demand}'." in judged(rule, sample).reason
    )


def toward(successes: float, rows: float, limit: float, needed: int) -> int:
    """Return as many of the needed rows as the same rate gives, rounded away from what is to be shown."""
    count = successes / rows * needed
    return whole_below(count) if successes / rows > limit else whole_above(count)


@SETTINGS
@given(n=FEW, data=st.data(), limit=LIMITS)
def test_of_a_few_rows(n: int, data: st.DataObject, limit: float) -> None:
    """A share of so many rows: with the rows needed, whole ones, it is settled, and these pass the looser limit."""
    right = data.draw(st.integers(0, n))
    sample, rule = Proportion(successes=right, n=n), value_rule("accuracy", limit, "x")
    finding = judged(rule, sample)
    assume(finding.outcome is Outcome.INCONCLUSIVE)
    assert enough_for_the_looser(rule, sample)
    if finding.rows_needed is not None:
        hits = toward(right, n, limit, finding.rows_needed)
        assert settles(rule, Proportion(successes=hits, n=finding.rows_needed))


@SETTINGS
@given(b=st.integers(0, 30), c=st.integers(0, 30), others=st.integers(0, 60), margin=MARGINS)
@example(b=1, c=2, others=47, margin=0.01)
@example(b=0, c=0, others=50, margin=0.01)
def test_of_a_few_pairs(b: int, c: int, others: int, margin: float) -> None:
    """The same of two models on the same rows; the margin that is advised is wider, and passes."""
    assume(b + c + others)
    n = b + c + others
    sample, rule = Paired(only_candidate=b, only_champion=c, n=n), change_rule("accuracy", {"margin": margin}, "x")
    finding = judged(rule, sample)
    assume(finding.outcome is Outcome.INCONCLUSIVE)
    assert enough_for_the_looser(rule, sample)
    needed = finding.rows_needed
    if needed is None:
        return
    assert f"{needed:,} pairs like these" in finding.reason
    holds = (b - c) / n > -margin
    up, down = (whole_below, whole_above) if holds else (whole_above, whole_below)
    more = Paired(only_candidate=up(b / n * needed), only_champion=down(c / n * needed), n=needed)
    assert settles(rule, more)


@SETTINGS
@given(hits=st.integers(0, 40), others=st.integers(0, 40), limit=LIMITS)
def test_of_a_few_positive_rows(hits: int, others: int, limit: float) -> None:
    """The same of F1, whose rows are those that are positive by label or prediction."""
    assume(hits + others)
    sample = FScore(true_positives=hits, false_positives=others, false_negatives=0)
    rule = value_rule("f1_score", limit, "x")
    finding = judged(rule, sample)
    assume(finding.outcome is Outcome.INCONCLUSIVE)
    assert enough_for_the_looser(rule, sample)
    needed = finding.rows_needed
    if needed is not None:
        found = toward(hits, sample.n, limit / (2 - limit), needed)
        assert settles(rule, FScore(true_positives=found, false_positives=needed - found, false_negatives=0))


@SETTINGS
@given(
    n=FEW,
    value=st.floats(0, 10),
    spread=st.floats(0.01, 3),
    limit=st.integers(0, 10),
    bound=st.sampled_from(["at_least", "at_most"]),
)
def test_of_a_mean(n: int, value: float, spread: float, limit: int, bound: str) -> None:
    """The same of a mean of scores, of either direction."""
    sample, rule = Mean(value=value, standard_error=spread, n=n), value_rule("score", {bound: limit}, "x")
    finding = judged(rule, sample)
    assume(finding.outcome is Outcome.INCONCLUSIVE)
    assert enough_for_the_looser(rule, sample)
    if finding.rows_needed is not None:
        shrunk = spread * math.sqrt(n / finding.rows_needed)
        assert settles(rule, Mean(value=value, standard_error=shrunk, n=finding.rows_needed))


@SETTINGS
@given(value=st.floats(0.3, 1), size=st.floats(5, 50), rows=st.integers(2, 5), limit=LIMITS)
def test_of_an_average_over_classes(value: float, size: float, rows: int, limit: float) -> None:
    """The same of an average, as precise as fewer rows than it has."""
    n = rows * math.ceil(size)
    sample, rule = Average(value=value, effective_n=size, n=n), value_rule("f1_score", limit, "x")
    finding = judged(rule, sample)
    assume(finding.outcome is Outcome.INCONCLUSIVE)
    assert enough_for_the_looser(rule, sample)
    needed = finding.rows_needed
    if needed is not None:
        assert settles(rule, Average(value=value, effective_n=size * needed / n, n=needed))


@pytest.mark.parametrize(
    ("rule", "sample", "advice"),
    [
        (
            value_rule("pass_rate", {"at_least": 0.9}, "x"),
            Proportion(successes=47, n=50),
            "About 191 rows like these would settle it; these 50 are enough for '>= 0.85'.",
        ),
        (
            value_rule("pass_rate", {"at_least": 0.95}, "x"),
            Proportion(successes=50, n=50),
            "About 59 rows like these would settle it; these 50 are enough for '>= 0.941'.",
        ),
        (
            value_rule("pass_rate", {"at_least": 0.9}, "x"),
            Proportion(successes=42, n=50),
            "About 100 rows like these would settle it, as a fail; these 50 are enough for '>= 0.72'.",
        ),
        (
            change_rule("accuracy", {"margin": 0.01}, "x"),
            Paired(only_candidate=2, only_champion=2, n=50),
            "About 2,200 pairs like these would settle it; these 50 are enough for 'at most 0.09 worse'.",
        ),
        (
            value_rule("pass_rate", {"at_least": 0.5}, "x"),
            Proportion(successes=0, n=3),
            "About 5 rows like these would settle it, as a fail; there are 3.",
        ),
        (
            value_rule("accuracy", 0.9, "x"),
            Proportion(successes=45, n=50),
            (
                "The estimate is too close to the limit for any number of rows to settle it; "
                "these 50 are enough for '>= 0.8'."
            ),
        ),
        (
            value_rule("recall", 0.9, "x"),
            Proportion(successes=37, n=40, of="recall of fraud", counted="rows with the label fraud"),
            "About 436 rows with the label fraud like these would settle it; these 40 are enough for '>= 0.81'.",
        ),
        (
            value_rule("latency_p99_ms", 50, "x"),
            Quantile(value=40, lower=38, upper=None, quantile=0.99, n=50, confidence=1 - ALPHA),
            "A bound on that side needs 299 rows; there are 50.",
        ),
        (
            value_rule("latency_p50_ms", 50, "x"),
            Quantile(value=49, lower=45, upper=53.21, quantile=0.5, n=50, confidence=1 - ALPHA),
            "About 887 rows like these would settle it; these 50 are enough for '<= 54 ms'.",
        ),
        (
            value_rule("loss", {"at_most": 2.5}, "x"),
            Estimate(value=2.4, standard_error=0.1),
            "Give a sample size or more rows; it is enough for '<= 2.57'.",
        ),
        (
            value_rule("loss", {"at_most": 2.5}, "x"),
            Interval(value=2.4, low=2.3, high=2.6),
            "Give a sample size or more rows; it is enough for '<= 2.6'.",
        ),
        (
            value_rule("f1_score", 0.9, "x"),
            Average(value=1, effective_n=4, n=4, sparse="class 'a' has 2 rows"),
            "Evaluate on more rows of it.",
        ),
    ],
)
def test_the_words(rule: Rule, sample: Sample, advice: str) -> None:
    """One line, in the words of what is counted, that says which way it would be settled."""
    finding = judged(rule, sample)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.reason.partition("). ")[2] == advice
