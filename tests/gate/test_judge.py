"""The verdict: bounds against thresholds, and what a missing thing means."""

from dataclasses import replace

import pytest

from ml_cicd.gate.evidence import Evidence
from ml_cicd.gate.judge import judge
from ml_cicd.gate.judgement import judgement
from ml_cicd.gate.policy import Policy, build_policy
from ml_cicd.gate.samples import Average, Estimate, FScore, Interval, Paired, Point, Proportion, Quantile, Sample
from ml_cicd.gate.settings import GateSettings, WhenInconclusive, WhenNoChampion
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.finding import Bindings, Finding, Outcome, Scope, Subject, Verdict

BINDINGS = Bindings(policy="sha256:p")


def policy(
    thresholds: dict[str, object],
    *,
    margins: dict[str, object] | None = None,
    when_inconclusive: WhenInconclusive = WhenInconclusive.FAIL,
    when_no_champion: WhenNoChampion = WhenNoChampion.FAIL,
) -> Policy:
    """Build a policy as the command does."""
    settings = GateSettings(
        thresholds=thresholds,
        versus_champion=margins or {},
        when_inconclusive=when_inconclusive,
        when_no_champion=when_no_champion,
    )
    return build_policy(settings, thresholds=None, where="x")


def evidence(samples: dict[str, Sample], change: Paired | None = None) -> Evidence:
    """Return these samples as evidence."""
    found = {Subject(metric=name): sample for name, sample in samples.items()}
    if change is not None:
        found[Subject(metric="accuracy", scope=Scope.CHANGE)] = change
    return Evidence(samples=found, absent={}, digests={}, has_champion=change is not None)


def verdict(rules: Policy, samples: dict[str, Sample] | None = None, change: Paired | None = None) -> Verdict:
    """Judge these samples."""
    return judge(rules, evidence(samples or {}, change), BINDINGS)


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
    rules = policy({}, margins={"accuracy": {"margin": 0.01}})
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


@pytest.mark.parametrize(("setting", "passes"), [(WhenNoChampion.FAIL, False), (WhenNoChampion.FIRST_RELEASE, True)])
def test_no_champion(setting: WhenNoChampion, passes: bool) -> None:
    """A comparison without a champion blocks, unless this is declared to be a first release."""
    rules = policy({"accuracy": 0.9}, margins={"accuracy": {"margin": 0.01}}, when_no_champion=setting)
    result = verdict(rules, {"accuracy": Proportion(successes=1990, n=2000)})
    assert bool(result) is passes
    assert result.findings[1].outcome is Outcome.MISSING


def test_inconclusive_may_warn() -> None:
    """With `warn` a rule that cannot be settled is shown and does not stop the candidate; a fail still does."""
    rules = policy({"accuracy": 0.95}, when_inconclusive=WhenInconclusive.WARN)
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


def test_a_metric_of_ones_own_says_its_direction() -> None:
    """at_most makes it lower-is-better."""
    rules = policy({"cost": {"at_most": 3}})
    assert verdict(rules, {"cost": Point(value=2.5)})
    assert not verdict(rules, {"cost": Point(value=3.5)})


SHARES = [
    *("eval_accuracy", "test.acc", "results.x.acc,none", "macro avg.f1-score", "auc", "eval_exact_match", "top5"),
    *(
        "eval_f1_macro",
        "weighted_f1",
        "eval_rouge1",
        "eval_rougeLsum",
        "bleu",
        "acc@1",
        "val_acc1",
        "test_accuracy_epoch",
    ),
    *(
        "meanIoU",
        "mIoU",
        "valAccuracy",
        "metrics/mAP50-95(B)",
        "bbox.AP75",
        "recall@5",
        "specificity",
        "pass@1",
        "F1Score",
    ),
    *("eval_HasAns_exact", "results.gsm8k.exact_match,strict-match", "eval_matthews_correlation", "top-5", "RocAuc"),
]


@pytest.mark.parametrize("name", SHARES)
def test_percent_against_a_share_is_no_pass(name: str) -> None:
    """94 holds any share; where a rule means one, the file is in another unit, and that is an error."""
    share, percent = policy({name: {"at_least": 0.9}}), policy({name: {"at_least": 90}})
    found = verdict(share, {name: Point(value=94)})
    assert (found.outcome, bool(found)) == (Outcome.ERROR, False)
    assert "94 is no share" in only(found).reason
    assert verdict(percent, {name: Point(value=94)})
    assert verdict(share, {name: Point(value=0.94)})


LOW_SHARES = ["error_rate", "test.err_rate", "FalsePositiveRate", "fpr", "results.x.failure_rate", "val_hamming_loss"]


@pytest.mark.parametrize("name", LOW_SHARES)
def test_percent_against_a_low_share_is_no_fail(name: str) -> None:
    """3 in the file against at most 0.05 says nothing of the model: the units differ."""
    share, percent = policy({name: {"at_most": 0.05}}), policy({name: {"at_most": 5}})
    assert verdict(share, {name: Point(value=3)}).outcome is Outcome.ERROR
    assert verdict(percent, {name: Point(value=3)})
    assert verdict(share, {name: Point(value=0.03)})


@pytest.mark.parametrize("name", ["word_error_rate", "wer", "errors", "failures", "loss", "learning_rate", "rate"])
def test_what_should_be_low_and_is_no_share_may_be_above_one(name: str) -> None:
    """Counts, losses, and rates by the length of something else: they fail, and no unit is to blame."""
    assert verdict(policy({name: {"at_most": 0.5}}), {name: Point(value=3)}).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "name", ["throughput", "passed", "hits", "tests", "speedup", "stop", "mapped", "coverage.lines", "psnr"]
)
def test_a_number_that_is_no_share_may_be_above_one(name: str) -> None:
    """Counts and speeds have limits below their values, too."""
    assert verdict(policy({name: {"at_least": 1}}), {name: Point(value=94)})


def test_the_same_bytes_give_the_same_digest() -> None:
    """The digest of a verdict is a function of its content, and changes with it."""
    rules = policy({"accuracy": 0.95})
    same = [verdict(rules, {"accuracy": Proportion(successes=1960, n=2000)}).digest for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != verdict(rules, {"accuracy": Proportion(successes=1961, n=2000)}).digest


def test_a_finding_names_its_subject() -> None:
    """A verdict can be read without parsing the names of its rules."""
    rules = policy({"accuracy": 0.9}, margins={"accuracy": {"margin": 0.01}})
    found = verdict(rules, {"accuracy": Proportion(successes=1990, n=2000)})
    assert [finding.subject for finding in found.findings] == [
        Subject(metric="accuracy"),
        Subject(metric="accuracy", scope=Scope.CHANGE),
    ]


def test_only_a_point_is_a_point() -> None:
    """A bare number has no bounds of its own; a tied quantile has two that are equal, and its reason says so."""
    rules = policy({"latency_p95_ms": 20})
    tied = only(
        verdict(
            rules,
            {"latency_p95_ms": Quantile(value=11, lower=11, upper=11, quantile=0.95, n=600, confidence=0.95)},
        )
    )
    bare = only(verdict(rules, {"latency_p95_ms": Point(value=11)}))
    assert (tied.point, tied.lower, tied.upper) == (False, 11, 11)
    assert tied.reason == "'<= 20 ms' holds even at the unfavourable bound (order statistics)."
    assert bare.point
    assert bare.reason.startswith("'<= 20 ms' holds (judged as a point")


def test_a_margin_of_a_lower_metric_lies_above() -> None:
    """Worse means more where lower is better: the limit of a change has the sign of what is worse."""
    rules = policy({}, margins={"accuracy": {"margin": 0.01}})
    assert [rule.limit for rule in rules.rules] == [-0.01]
    (rule,) = policy({"cost": {"at_most": 3}}).rules
    change = replace(rule, subject=Subject(metric="cost", scope=Scope.CHANGE))
    assert (change.limit, change.demand) == (3, "at most 3 worse")


def test_a_judgement_is_bound_to_all_that_went_in() -> None:
    """Data digests in a fixed order, policy, model and commit; another policy is another binding."""
    found = evidence({"accuracy": Proportion(successes=1990, n=2000)})
    found = replace(found, digests={"predictions": "sha256:2", "champion": "sha256:1"})
    bound = [
        judgement(policy({"accuracy": bar}), found, model_digest="sha256:m", commit="c").bindings for bar in (0.9, 0.8)
    ]
    assert list(bound[0].data) == ["champion", "predictions"]
    assert (bound[0].model, bound[0].commit) == ("sha256:m", "c")
    assert bound[0].policy.startswith("sha256:")
    assert bound[0].policy != bound[1].policy
