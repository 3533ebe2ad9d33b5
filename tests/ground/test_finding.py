"""Findings and the verdict over them: the worst counts, and the digest covers what was said."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.ground.finding import (
    BADNESS,
    Bindings,
    Finding,
    Outcome,
    Scope,
    Severity,
    Subject,
    Verdict,
    verdict_record,
    worst,
)

PASSED = Finding(rule="accuracy", outcome=Outcome.PASS, reason="it holds", subject=Subject(metric="accuracy"))
FINDINGS = st.builds(
    Finding,
    rule=st.text(min_size=1, max_size=5),
    outcome=st.sampled_from(Outcome),
    severity=st.sampled_from(Severity),
    reason=st.just("r"),
)


def verdict(*findings: Finding) -> Verdict:
    """Return the verdict over findings."""
    return Verdict(outcome=worst(findings), findings=findings, bindings=Bindings(policy="sha256:1"))


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (Subject(metric="accuracy"), "accuracy"),
        (Subject(metric="accuracy", scope=Scope.CHANGE), "accuracy versus champion"),
        (Subject(metric="recall", slice="region=eu"), "recall on region=eu"),
        (Subject(metric="recall", slice="eu", scope=Scope.CHANGE), "recall on eu versus champion"),
    ],
)
def test_names_of_subjects(subject: Subject, name: str) -> None:
    """Metric, slice, scope."""
    assert subject.name == name


def test_nothing_judged_is_no_pass() -> None:
    """No finding at all is an error."""
    assert worst(()) is Outcome.ERROR


def test_only_a_pass_is_true() -> None:
    """Inconclusive is not a pass."""
    assert [bool(verdict(replace(PASSED, outcome=outcome))) for outcome in Outcome] == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_warnings_do_not_block() -> None:
    """They are shown; the verdict is that of the rest."""
    warning = replace(PASSED, rule="recall", outcome=Outcome.FAIL, severity=Severity.WARN)
    assert verdict(PASSED, warning).outcome is Outcome.PASS
    assert verdict(PASSED, warning).blocking == ()
    assert verdict(warning, replace(warning, severity=Severity.BLOCK)).blocking == ("recall",)


@given(st.lists(FINDINGS, min_size=1, max_size=6), FINDINGS)
def test_one_more_finding_never_rescues(findings: list[Finding], more: Finding) -> None:
    """A further finding leaves the outcome or makes it worse."""
    before, after = worst(tuple(findings)), worst((*findings, more))
    assert BADNESS.index(after) >= BADNESS.index(before)


@given(st.lists(FINDINGS, min_size=1, max_size=6).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_order_does_not_matter(both: tuple[list[Finding], list[Finding]]) -> None:
    """The outcome is that of the set."""
    findings, shuffled = both
    assert worst(tuple(shuffled)) is worst(tuple(findings))


CHANGES: list[dict[str, object]] = [
    {"rule": "recall"},
    {"outcome": Outcome.FAIL},
    {"reason": "other"},
    {"severity": Severity.WARN},
    {"subject": None},
    {"subject": Subject(metric="accuracy", slice="eu")},
    {"subject": Subject(metric="accuracy", scope=Scope.CHANGE)},
    {"demand": ">= 1"},
    {"value": 0.5},
    {"lower": 0.5},
    {"upper": 0.5},
    {"point": True},
    {"limit": 0.5},
    {"unit": "ms"},
    {"n": 1},
    {"rows_needed": 1},
    {"cure": "Do."},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_the_digest_covers_all_that_a_finding_says(changes: dict[str, object]) -> None:
    """Whatever is changed, the digest changes."""
    assert verdict(replace(PASSED, **changes)).digest != verdict(PASSED).digest  # type: ignore[arg-type]


def test_no_field_of_a_finding_is_forgotten() -> None:
    """Each is changed above, and each is in the record."""
    names = {f.name for f in fields(Finding)}
    assert {name for changes in CHANGES for name in changes} == names
    records = verdict_record(verdict(PASSED))["findings"]
    assert isinstance(records, list)
    assert [set(record) for record in records] == [names]


@pytest.mark.parametrize("changes", [{"model": "m"}, {"data": {"p": "d"}}, {"policy": "q"}, {"commit": "c"}], ids=str)
def test_the_digest_covers_what_it_is_bound_to(changes: dict[str, object]) -> None:
    """Other bytes are another verdict."""
    found = verdict(PASSED)
    assert replace(found, bindings=replace(found.bindings, **changes)).digest != found.digest  # type: ignore[arg-type]


def test_the_digest_is_stable() -> None:
    """The record is a public format: this very digest must not change within its version."""
    assert verdict(PASSED).digest == "sha256:569145a53fa34e305b7cd3d312d67fdf57f0d3dd64084ade6b05352693b5267c"
