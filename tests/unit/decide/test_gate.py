"""The verdict: bounds against thresholds, and what a missing thing means."""

import pytest

from ml_cicd.decide.gate import judge
from ml_cicd.decide.policy import build_policy
from ml_cicd.domain.config import GateConfig
from ml_cicd.domain.evidence import Evidence
from ml_cicd.domain.policy import Policy, Scope
from ml_cicd.domain.sample import Average, Estimate, FScore, Interval, Paired, Point, Proportion, Quantile, Sample
from ml_cicd.domain.verdict import Bindings, Finding, Outcome, Verdict
from ml_cicd.errors import EvidenceError, InputError

BINDINGS = Bindings(model="", data={}, policy="sha256:p", commit="")


def policy(thresholds: dict[str, object], **parts: object) -> Policy:
    """Build a policy as the command does."""
    settings: dict[str, object] = {
        "thresholds": thresholds,
        "versus_champion": {},
        "confidence": 0.95,
        "when_inconclusive": "fail",
        "when_no_champion": "fail",
        **parts,
    }
    return build_policy(GateConfig(**settings), thresholds=None, where="x")  # type: ignore[arg-type]


def verdict(rules: Policy, samples: dict[str, Sample] | None = None, change: Paired | None = None) -> Verdict:
    """Judge these samples."""
    found: dict[tuple[Scope, str], Sample] = {(Scope.VALUE, name): s for name, s in (samples or {}).items()}
    if change is not None:
        found[Scope.CHANGE, "accuracy"] = change
    evidence = Evidence(samples=found, absent={}, digests={}, has_champion=change is not None)
    return judge(rules, evidence, BINDINGS)


def only(result: Verdict) -> Finding:
    """Return the one finding."""
    (finding,) = result.findings
    return finding


@pytest.mark.parametrize(
    ("successes", "outcome"),
    [(1960, Outcome.PASS), (1905, Outcome.INCONCLUSIVE), (1895, Outcome.INCONCLUSIVE), (1800, Outcome.FAIL)],
)
def test_three_ways(successes: int, outcome: Outcome) -> None:
    """2,000 rows against 0.95: clearly above, too close on either side, clearly below."""
    result = verdict(policy({"accuracy": 0.95}), {"accuracy": Proportion(successes=successes, n=2000)})
    assert result.outcome is outcome
    assert bool(result) is (outcome is Outcome.PASS)


@pytest.mark.parametrize(
    ("sample", "outcome"),
    [
        (Quantile(value=40, lower=38, upper=45, quantile=0.99, n=2000, confidence=0.95), Outcome.PASS),
        (Quantile(value=49, lower=45, upper=55, quantile=0.99, n=2000, confidence=0.95), Outcome.INCONCLUSIVE),
        (Quantile(value=70, lower=60, upper=80, quantile=0.99, n=2000, confidence=0.95), Outcome.FAIL),
        (Quantile(value=40, lower=38, upper=None, quantile=0.99, n=50, confidence=0.95), Outcome.INCONCLUSIVE),
    ],
)
def test_latency_is_lower_is_better(sample: Quantile, outcome: Outcome) -> None:
    """The bare threshold 50 on latency_p99_ms means at most 50."""
    assert verdict(policy({"latency_p99_ms": 50}), {"latency_p99_ms": sample}).outcome is outcome


def test_inconclusive_names_the_rows_needed() -> None:
    """And that number of rows at the same rate does settle it."""
    rules = policy({"accuracy": 0.95})
    finding = only(verdict(rules, {"accuracy": Proportion(successes=481, n=500)}))
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.rows_needed is not None
    assert f"{finding.rows_needed:,} rows" in finding.reason
    enough = Proportion(successes=round(0.962 * finding.rows_needed), n=finding.rows_needed)
    assert verdict(rules, {"accuracy": enough}).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("champion", "candidate", "outcome"),
    [(10, 60, Outcome.PASS), (20, 20, Outcome.PASS), (60, 40, Outcome.INCONCLUSIVE), (200, 10, Outcome.FAIL)],
)
def test_against_the_champion(champion: int, candidate: int, outcome: Outcome) -> None:
    """Margin one point on 2,000 paired rows: equal models pass, a clearly worse one fails."""
    rules = policy({}, versus_champion={"accuracy": {"margin": 0.01}})
    paired = Paired(only_candidate=candidate, only_champion=champion, n=2000)
    assert verdict(rules, change=paired).outcome is outcome


def test_the_worst_finding_decides() -> None:
    """One failing rule among passing ones is a fail, and only it blocks."""
    rules = policy({"accuracy": 0.9, "f1_score": 0.9})
    samples: dict[str, Sample] = {
        "accuracy": Proportion(successes=1990, n=2000),
        "f1_score": FScore(true_positives=100, false_positives=90, false_negatives=90),
    }
    result = verdict(rules, samples)
    assert (result.outcome, result.blocking) == (Outcome.FAIL, ("f1_score",))


def test_a_missing_metric_is_never_a_pass() -> None:
    """What is demanded and not measured is an error, with the reason."""
    result = verdict(policy({"accuracy": 0.9, "recall": 0.5}), {"accuracy": Proportion(successes=1990, n=2000)})
    assert (result.outcome, result.blocking) == (Outcome.MISSING, ("recall",))
    assert "Not measured" in result.findings[1].reason


@pytest.mark.parametrize(("setting", "passes"), [("fail", False), ("first_release", True)])
def test_no_champion(setting: str, passes: bool) -> None:
    """A comparison without a champion blocks, unless this is declared to be a first release."""
    rules = policy({"accuracy": 0.9}, versus_champion={"accuracy": {"margin": 0.01}}, when_no_champion=setting)
    result = verdict(rules, {"accuracy": Proportion(successes=1990, n=2000)})
    assert bool(result) is passes
    assert result.findings[1].outcome is Outcome.MISSING


def test_inconclusive_may_warn() -> None:
    """With `warn` a rule that cannot be settled is shown and does not stop the candidate; a fail still does."""
    rules = policy({"accuracy": 0.95}, when_inconclusive="warn")
    result = verdict(rules, {"accuracy": Proportion(successes=1900, n=2000)})
    assert (result.outcome, only(result).outcome) == (Outcome.PASS, Outcome.INCONCLUSIVE)
    assert not verdict(rules, {"accuracy": Proportion(successes=1700, n=2000)})


def test_a_warning_rule_does_not_block() -> None:
    """severity: warn."""
    rules = policy({"accuracy": {"at_least": 0.99, "severity": "warn"}, "recall": 0.5})
    samples: dict[str, Sample] = {
        "accuracy": Proportion(successes=1700, n=2000),
        "recall": Proportion(successes=900, n=1000),
    }
    result = verdict(rules, samples)
    assert (result.outcome, result.blocking) == (Outcome.PASS, ())
    assert result.findings[0].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("sample", "outcome", "word"),
    [
        (Point(value=0.96), Outcome.PASS, "as a point"),
        (Point(value=0.94), Outcome.FAIL, "as a point"),
        (Estimate(value=0.96, standard_error=0.001), Outcome.PASS, "normal"),
        (Estimate(value=0.96, standard_error=0.1), Outcome.INCONCLUSIVE, "normal"),
        (Interval(value=0.96, low=0.951, high=0.97), Outcome.PASS, "as given"),
        (Interval(value=0.96, low=0.94, high=0.97), Outcome.INCONCLUSIVE, "as given"),
    ],
)
def test_numbers_from_outside(sample: Sample, outcome: Outcome, word: str) -> None:
    """Each form is judged by what it says of its spread, and the finding names it."""
    finding = only(verdict(policy({"accuracy": 0.95}), {"accuracy": sample}))
    assert finding.outcome is outcome
    assert word in finding.reason


def test_an_average_counts_its_rows() -> None:
    """It is bounded at its effective size, and speaks of rows; where a class is too rare it is inconclusive."""
    rules = policy({"f1_score": 0.9})
    finding = only(verdict(rules, {"f1_score": Average(value=0.92, effective_n=54, n=400)}))
    assert (finding.n, finding.outcome) == (400, Outcome.INCONCLUSIVE)
    assert finding.rows_needed is not None
    assert finding.rows_needed > 400
    sparse = only(verdict(rules, {"f1_score": Average(value=1, effective_n=400, n=400, sparse="class 'a' has 2 rows")}))
    assert (sparse.outcome, sparse.lower, sparse.upper) == (Outcome.INCONCLUSIVE, None, None)
    assert "class 'a' has 2 rows" in sparse.reason


def test_a_quantile_at_another_confidence_is_refused() -> None:
    """Bounds measured for 90 % cannot answer at 95 %."""
    sample = Quantile(value=40, lower=38, upper=45, quantile=0.99, n=2000, confidence=0.9)
    with pytest.raises(EvidenceError):
        verdict(policy({"latency_p99_ms": 50}), {"latency_p99_ms": sample})


@pytest.mark.parametrize(
    ("thresholds", "says"),
    [
        ({}, "pass anything"),
        ({"acuracy": 0.9}, "'acuracy'"),
        ({"accuracy": 95}, "outside 0 to 1"),
        ({"accuracy": {"at_least": 0.9, "severity": "warn"}}, "only warns"),
        ({"accuracy": "0.9"}, "expected a number"),
        ({"accuracy": True}, "expected a number"),
        ({"accuracy": None}, "expected a number"),
        ({"accuracy": float("nan")}, "not a finite number"),
        ({"accuracy": {"at_most": 0.9}}, "higher_is_better"),
        ({"accuracy": {"at_least": 0.9, "at_most": 1}}, "both or none"),
        ({"accuracy": {}}, "both or none"),
        ({"accuracy": {"at_least": 0.9, "sevrity": "warn"}}, "unknown name 'sevrity'"),
        ({"accuracy": {"at_least": 0.9, "severity": "maybe"}}, "'maybe'"),
        ({"my_metric": 3}, "direction is not known"),
    ],
)
def test_a_policy_that_cannot_be_meant(thresholds: dict[str, object], says: str) -> None:
    """Nothing demanded, misspelt, percent for a share, text for a number, a contradicted direction."""
    with pytest.raises(InputError, match=says):
        policy(thresholds)


@pytest.mark.parametrize(
    ("bound", "says"),
    [
        (0.01, "expected a mapping"),
        ({}, "'margin' is missing"),
        ({"margin": -0.01}, "Choose a value"),
        ({"margin": 1}, "Choose a value"),
    ],
)
def test_a_margin_that_cannot_be_meant(bound: object, says: str) -> None:
    """A margin is a mapping with a number from 0 up to 1."""
    with pytest.raises(InputError, match=says):
        policy({}, versus_champion={"accuracy": bound})


def test_a_metric_of_ones_own_says_its_direction() -> None:
    """at_most makes it lower-is-better."""
    rules = policy({"cost": {"at_most": 3}})
    assert verdict(rules, {"cost": Point(value=2.5)})
    assert not verdict(rules, {"cost": Point(value=3.5)})


def test_the_same_bytes_give_the_same_digest() -> None:
    """The digest of a verdict is a function of its content, and changes with it."""
    rules = policy({"accuracy": 0.95})
    same = [verdict(rules, {"accuracy": Proportion(successes=1960, n=2000)}).digest for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != verdict(rules, {"accuracy": Proportion(successes=1961, n=2000)}).digest
