"""The picture of a finding shows what the numbers say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.domain.policy import Severity
from ml_cicd.domain.verdict import Finding, Outcome
from ml_cicd.render.picture import WIDTH, interval

FINDING = Finding(
    rule="accuracy",
    outcome=Outcome.PASS,
    severity=Severity.BLOCK,
    demand=">= 0.9",
    reason="r",
    value=0.96,
    lower=0.94,
    upper=0.98,
    limit=0.9,
)


@pytest.mark.parametrize(
    ("changes", "picture"),
    [
        ({}, "·│········├───●────┤·"),
        ({"limit": 0.96}, "·├────────┼────────┤·"),
        ({"limit": 0.99}, "·├──────●──────┤···│·"),
        ({"upper": None, "limit": 0.93}, "·│·····├───────────●►"),
        ({"lower": 0.96, "upper": 0.96}, "·│·················●·"),
        ({"lower": 0.96, "upper": 0.96, "limit": 0.96}, "·┼···················"),
        ({"value": None}, ""),
        ({"limit": None}, ""),
    ],
)
def test_pictures(changes: dict[str, float | None], picture: str) -> None:
    """Clear of the limit, on it, beyond it, open on one side, a point, nothing."""
    assert interval(replace(FINDING, **changes)) == picture  # type: ignore[arg-type]


@given(st.floats(-1e12, 1e12), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-1e12, 1e12))
def test_every_picture_has_its_width(value: float, below: float, above: float, limit: float) -> None:
    """Whatever the numbers are, it is one line of fixed width with the limit on it."""
    found = interval(replace(FINDING, value=value, lower=value - below, upper=value + above, limit=limit))
    assert len(found) == WIDTH
    assert "│" in found or "┼" in found
