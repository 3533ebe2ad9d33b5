"""The policy: what people write, and what is refused because it cannot be meant."""

import dataclasses
from dataclasses import replace

import pytest

from ml_cicd.gate.metrics.names import direction_of, meaning
from ml_cicd.gate.policy import Policy, Rule, build_policy, policy_record
from ml_cicd.gate.settings import Columns, GateSettings, Role, WhenInconclusive, WhenNoChampion
from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Scope, Severity, Subject


def policy(thresholds: dict[str, object], *, margins: dict[str, object] | None = None) -> Policy:
    """Build a policy as the command does."""
    return build_policy(GateSettings(thresholds=thresholds, versus_champion=margins or {}), thresholds=None, where="x")


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
        ({"": {"at_least": 1}}, "cannot be a metric's name"),
        ({" ": {"at_least": 1}}, "cannot be a metric's name"),
        ({"a\nb": {"at_least": 1}}, "cannot be a metric's name"),
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
        policy({}, margins={"accuracy": bound})


@pytest.mark.parametrize(
    ("margins", "says"),
    [
        ({"recall": {"margin": 0.01}}, "cannot be compared"),
        ({"acuracy": {"margin": 0.01}}, "unknown metric"),
    ],
)
def test_what_cannot_be_compared(margins: dict[str, object], says: str) -> None:
    """A metric without a comparison, and a misspelt one; both name what can be compared."""
    with pytest.raises(InputError, match=says) as problem:
        policy({}, margins=margins)
    assert "accuracy" in problem.value.cure


@pytest.mark.parametrize(
    ("threshold", "shown"),
    [
        (0.9999999, ">= 0.9999999"),
        (0.95, ">= 0.95"),
        (1, ">= 1"),
        (1.0, ">= 1"),
        (0.1 + 0.2, ">= 0.30000000000000004"),
        (1e-7, ">= 1e-07"),
    ],
)
def test_a_demand_shows_the_exact_threshold(threshold: float, shown: str) -> None:
    """0.9999999 is not 1: what is shown reads back as what is demanded, and is no longer than that takes."""
    (rule,) = policy({"accuracy": threshold}).rules
    assert rule.demand == shown
    assert float(rule.demand.removeprefix(">= ")) == threshold


def test_units_and_margins_are_shown() -> None:
    """Milliseconds have their unit, a large number no exponent, and a margin is as exact as a threshold."""
    rules = policy(
        {"latency_p99_ms": 50.0, "cost": {"at_most": 1_234_567}}, margins={"accuracy": {"margin": 0.0123456789}}
    ).rules
    assert [rule.demand for rule in rules] == ["<= 50 ms", "<= 1234567", "at most 0.0123456789 worse"]


def test_an_impossible_threshold_is_shown_exactly() -> None:
    """1.0000001 is outside 0 to 1, and is not called 1."""
    with pytest.raises(InputError, match=r"1\.0000001 is outside 0 to 1") as problem:
        policy({"accuracy": 1.0000001})
    assert problem.value.cure == "accuracy is a share, not percent."


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("f1", "Did you mean 'f1_score'?"),
        ("acc", "Did you mean 'accuracy'?"),
        ("p99", "Did you mean 'latency_p99_ms'?"),
        ("eval_accuracy", "'eval_accuracy': {at_least: ...}"),
        ("auc", "'auc': {at_least: ...}"),
        ("eval_loss", "'eval_loss': {at_most: ...}"),
        ("it's", "'it''s': {at_least: ...}"),
    ],
)
def test_an_unknown_name_is_told_what_it_may_mean(name: str, hint: str) -> None:
    """By what others call our metrics; and how a rule on a name of a metrics file is written."""
    with pytest.raises(InputError) as problem:
        build_policy(GateSettings(), thresholds={name: 0.9}, where="x")
    assert hint in problem.value.cure


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("eval_accuracy", "accuracy"),
        ("test/acc", "accuracy"),
        ("results.arc_easy.acc,none", "accuracy"),
        ("macro avg.f1-score", "f1_score"),
        ("metrics/mAP50(B)", "mAP50"),
        ("metrics/mAP50-95(B)", "mAP50-95"),
        ("validation_0.auc", "roc_auc"),
        ("answer_correctness", "answer_correctness"),
        ("x..acc", "accuracy"),
        ("", ""),
    ],
)
def test_what_a_name_means(name: str, ours: str) -> None:
    """Group, split and filter around it do not matter."""
    assert meaning(name) == ours


@pytest.mark.parametrize(
    ("name", "direction"),
    [("val/loss", "lower"), ("p95", "lower"), ("answer_correctness", "higher"), ("mAP50", "higher"), ("wer", "lower")],
)
def test_a_suggested_bound_is_on_the_likely_side(name: str, direction: str) -> None:
    """Errors and times want a highest value, all else a lowest."""
    assert direction_of(name).startswith(direction)


def test_given_thresholds_replace_the_configured() -> None:
    """Margins stay; the source of each rule is named in its errors."""
    settings = GateSettings(thresholds={"recall": 0.5}, versus_champion={"accuracy": {"margin": 0.1}})
    built = build_policy(settings, thresholds={"accuracy": 0.9}, where="input thresholds")
    assert [rule.name for rule in built.rules] == ["accuracy", "accuracy versus champion"]
    assert built.wanted == {Subject(metric="accuracy"), Subject(metric="accuracy", scope=Scope.CHANGE)}
    assert built.compares
    with pytest.raises(InputError, match=r"input thresholds\.accuracy"):
        build_policy(settings, thresholds={"accuracy": "high"}, where="input thresholds")


def test_two_rules_of_one_name_are_refused() -> None:
    """Their findings could not be told apart."""
    one = policy({"accuracy": 0.9})
    with pytest.raises(InputError, match="two rules"):
        replace(one, rules=one.rules * 2)


def changed(one: Policy) -> dict[str, Policy]:
    """Return the policy with each of its settings changed, by name."""
    (rule,) = one.rules
    rules = {
        "metric": replace(rule, subject=replace(rule.subject, metric="recall")),
        "scope": replace(rule, subject=replace(rule.subject, scope=Scope.CHANGE)),
        "slice": replace(rule, subject=replace(rule.subject, slice="country=de")),
        "direction": replace(rule, direction=next(d for d in type(rule.direction) if d is not rule.direction)),
        "threshold": replace(rule, threshold=0.91),
    }
    columns: dict[str, Policy] = {
        role.value: replace(one, columns=replace(one.columns, **{role.value: "other"})) for role in Role
    }
    return {name: replace(one, rules=(other,)) for name, other in rules.items()} | {
        "severity": replace(one, rules=(rule, replace(rule, severity=Severity.WARN, subject=Subject(metric="f")))),
        "confidence": replace(one, confidence=0.9),
        "when_inconclusive": replace(one, when_inconclusive=WhenInconclusive.WARN),
        "when_no_champion": replace(one, when_no_champion=WhenNoChampion.FIRST_RELEASE),
        "positive": replace(one, positive="fraud"),
        **columns,
    }


def test_the_digest_covers_all_that_decides() -> None:
    """Whatever changes a verdict changes the digest; how a number is written does not."""
    one = policy({"accuracy": 0.9})
    digests = {name: canonical_digest(policy_record(other)) for name, other in changed(one).items()}
    assert len(set(digests.values()) | {canonical_digest(policy_record(one))}) == len(digests) + 1
    assert canonical_digest(policy_record(policy({"accuracy": 0.90}))) == canonical_digest(policy_record(one))


def test_the_record_knows_every_field() -> None:
    """A field that is added must be added to the record, or be named here as one that decides nothing."""
    one = replace(policy({"accuracy": 0.9}), columns=Columns(label="other"))
    record = policy_record(one)
    rules = record["rules"]
    assert isinstance(rules, list)
    assert {field.name for field in dataclasses.fields(Policy)} == set(record) - {"format"}
    flat = {field.name for field in dataclasses.fields(Subject)} | {field.name for field in dataclasses.fields(Rule)}
    assert flat - {"subject", "unit"} == set(rules[0])
