"""The picture of a finding shows what the numbers say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.faces.picture import LEVELS, WIDTH, heights, interval, sparkline
from ml_cicd.ground.finding import Finding, Outcome

FINDING = Finding(
    rule="accuracy",
    outcome=Outcome.PASS,
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
        ({"lower": None, "upper": None, "point": True}, "·│·················●·"),
        ({"value": None}, ""),
        ({"limit": None}, ""),
    ],
)
def test_pictures(changes: dict[str, float | bool | None], picture: str) -> None:
    """Clear of the limit, on it, beyond it, open on one side, a point, nothing."""
    assert interval(replace(FINDING, **changes)) == picture  # type: ignore[arg-type]


@given(st.floats(-1e12, 1e12), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-1e12, 1e12))
def test_every_picture_has_its_width(value: float, below: float, above: float, limit: float) -> None:
    """Whatever the numbers are, it is one line of fixed width with the limit on it."""
    found = interval(replace(FINDING, value=value, lower=value - below, upper=value + above, limit=limit))
    assert len(found) == WIDTH
    assert "│" in found or "┼" in found


@given(st.floats(-1.7e308, 1.7e308), st.floats(-1.7e308, 1.7e308), st.floats(-1.7e308, 1.7e308))
def test_any_finite_numbers_can_be_drawn(value: float, lower: float, limit: float) -> None:
    """No difference overflows, and an estimate outside its bounds stays in the picture."""
    found = interval(replace(FINDING, value=value, lower=lower, upper=None, limit=limit))
    assert len(found) == WIDTH


def test_heights_lie_on_straight_lines() -> None:
    """Between two points the line is straight; at the points it is theirs."""
    assert heights(((0.0, 0.0), (1.0, 4.0), (4.0, 1.0)), 0.0, 4.0, 5) == [0.0, 4.0, 3.0, 2.0, 1.0]
    assert heights(((0.0, 1.0), (2.0, 1.0), (2.0, 5.0), (4.0, 5.0)), 0.0, 4.0, 5) == [1.0, 1.0, 1.0, 5.0, 5.0]
    assert heights(((3.0, 7.0),), 3.0, 3.0, 1) == [7.0]


def test_a_sparkline_runs_from_lowest_to_highest() -> None:
    """The lowest height is the lowest block; a flat line is flat."""
    assert sparkline(range(8), 0, 7) == LEVELS
    assert sparkline([2.0, 2.0], 2.0, 2.0) == LEVELS[0] * 2
