"""Laws of verdicts that hold for every policy and every evidence."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml_cicd.gate.evidence import Evidence
from ml_cicd.gate.judge import judge
from ml_cicd.gate.metric import Direction, exact
from ml_cicd.gate.policy import Policy, Rule
from ml_cicd.gate.samples import Average, Estimate, FScore, Interval, Point, Proportion, Quantile, Sample
from ml_cicd.gate.settings import WhenInconclusive, WhenNoChampion
from ml_cicd.ground.finding import BADNESS, Bindings, Finding, Outcome, Scope, Severity, Subject, Verdict

SHARES = st.floats(0, 1)
COUNTS = st.integers(0, 60)


def ordered(one: float, other: float, third: float) -> tuple[float, float, float]:
    """Sort three numbers."""
    low, middle, high = sorted((one, other, third))
    return low, middle, high


SAMPLES: st.SearchStrategy[Sample] = st.one_of(
    st.tuples(COUNTS, COUNTS).map(lambda p: Proportion(successes=p[0], n=p[0] + p[1] + 1)),
    st.tuples(COUNTS, COUNTS, COUNTS).map(
        lambda p: FScore(true_positives=p[0], false_positives=p[1], false_negatives=p[2] + 1)
    ),
    st.tuples(SHARES, st.floats(1, 100), st.sampled_from(["", "class 'a' has 2 rows"])).map(
        lambda p: Average(value=p[0], effective_n=p[1], n=100, sparse=p[2])
    ),
    st.tuples(SHARES, SHARES, SHARES, st.booleans(), st.booleans()).map(
        lambda p: Quantile(
            value=ordered(*p[:3])[1],
            lower=ordered(*p[:3])[0] if p[3] else None,
            upper=ordered(*p[:3])[2] if p[4] else None,
            quantile=0.95,
            n=100,
            confidence=0.95,
        )
    ),
    st.tuples(SHARES, st.floats(0, 0.3)).map(lambda p: Estimate(value=p[0], standard_error=p[1])),
    st.tuples(SHARES, SHARES, SHARES).map(
        lambda p: Interval(value=ordered(*p)[1], low=ordered(*p)[0], high=ordered(*p)[2])
    ),
    SHARES.map(lambda value: Point(value=value)),
)
RULES = st.builds(
    Rule,
    subject=st.builds(Subject, metric=st.sampled_from("abcd"), scope=st.sampled_from(Scope)),
    direction=st.sampled_from(Direction),
    threshold=SHARES,
    severity=st.sampled_from(Severity),
)
WHENS = st.tuples(st.sampled_from(WhenInconclusive), st.sampled_from(WhenNoChampion))
SUBJECTS = [Subject(metric=name, scope=scope) for name in "abcd" for scope in Scope]
EVIDENCE = st.builds(
    Evidence,
    samples=st.dictionaries(st.sampled_from(SUBJECTS), SAMPLES),
    absent=st.just({}),
    digests=st.just({}),
    has_champion=st.booleans(),
)


def decided(rules: tuple[Rule, ...], evidence: Evidence, whens: tuple[WhenInconclusive, WhenNoChampion]) -> Verdict:
    """Judge at 95 %."""
    policy = Policy(rules=rules, confidence=0.95, when_inconclusive=whens[0], when_no_champion=whens[1])
    return judge(policy, evidence, Bindings())


def only(verdict: Verdict) -> Finding:
    """Return the one finding."""
    (finding,) = verdict.findings
    return finding


class TestMoreRules:
    """The docstring of `judge`: "A pass of several rules needs every one of them"."""

    @settings(max_examples=200, deadline=None)
    @given(st.lists(RULES, min_size=2, max_size=5, unique_by=lambda rule: rule.name), EVIDENCE, WHENS)
    def test_adding_a_rule_never_rescues(
        self, rules: list[Rule], evidence: Evidence, whens: tuple[WhenInconclusive, WhenNoChampion]
    ) -> None:
        """Whatever rule is added, one that passes too, the verdict is not better than it was."""
        *fewer, _ = rules
        assume(any(rule.severity is Severity.BLOCK for rule in fewer))
        before, after = (decided(tuple(some), evidence, whens) for some in (fewer, rules))
        assert BADNESS.index(after.outcome) >= BADNESS.index(before.outcome)
        assert set(before.blocking) <= set(after.blocking)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(RULES, min_size=2, max_size=5, unique_by=lambda rule: rule.name), EVIDENCE, WHENS)
    def test_the_order_of_rules_changes_nothing(
        self, rules: list[Rule], evidence: Evidence, whens: tuple[WhenInconclusive, WhenNoChampion]
    ) -> None:
        """The verdict is the worst finding, wherever it stands."""
        assume(any(rule.severity is Severity.BLOCK for rule in rules))
        one, other = (decided(tuple(some), evidence, whens) for some in (rules, reversed(rules)))
        assert one.outcome is other.outcome
        assert set(one.findings) == set(other.findings)


class TestThresholds:
    """The docstring of `judge`: "pass when the near bound is on the good side of the threshold, fail when the far bound
    is on the bad side".
    """

    @settings(max_examples=300, deadline=None)
    @given(SAMPLES, SHARES, SHARES, st.sampled_from(Direction), st.sampled_from(Scope))
    def test_tightening_never_passes_what_did_not(
        self, sample: Sample, one: float, other: float, direction: Direction, scope: Scope
    ) -> None:
        """A stricter threshold, or a smaller margin, gives no better outcome for the same sample."""
        subject = Subject(metric="a", scope=scope)
        evidence = Evidence(samples={subject: sample}, absent={}, digests={}, has_champion=True)
        loose, tight = sorted((one, other), reverse=direction is Direction.LOWER or scope is Scope.CHANGE)
        order = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL)
        before, after = (
            only(
                decided(
                    (Rule(subject=subject, direction=direction, threshold=threshold),),
                    evidence,
                    (WhenInconclusive.FAIL, WhenNoChampion.FAIL),
                )
            ).outcome
            for threshold in (loose, tight)
        )
        assert order.index(after) >= order.index(before)

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_what_is_shown_is_what_is_demanded(self, threshold: float) -> None:
        """The text of a threshold reads back as the threshold, and as no other number."""
        rule = Rule(subject=Subject(metric="a"), direction=Direction.HIGHER, threshold=threshold)
        assert float(rule.demand.removeprefix(">= ")) == threshold
        assert exact(float(exact(threshold))) == exact(threshold)
