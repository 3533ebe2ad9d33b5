"""Shown numbers never lie."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_cicd.faces.words import cell, estimate, number
from tests.faces.reports import FINDING

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NEAR = st.one_of(st.floats(-2, 2), st.floats(-1e-3, 1e-3), st.floats(0.9, 1.1), st.floats(9, 11), NUMBERS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.95, "0.9500"),
        (-0.01, "-0.0100"),
        (41.5, "41.50"),
        (12345.678, "12,345.68"),
        (0.0, "0.0000"),
        (-0.0, "0.0000"),
        (1.0, "1.0000"),
        (0.00001, "0.00001"),
        (-0.00001, "-0.00001"),
        (9.99999, "10.00"),
        (0.999999, "0.999999"),
        (1.000001, "1.000001"),
        (1 - 1e-15, "0.999999999999999"),
        (1e-9, "1.0000e-09"),
        (1.5e20, "1.5000e+20"),
        (123_456_789_012.0, "123,456,789,012.00"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    """Four digits below ten, two above, more where fewer would lie, a dash for none."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (0.94999, 0.95, "0.94999"),
        (0.95, 0.95, "0.9500"),
        (50.001, 50.0, "50.001"),
        (0.1 + 0.2, 0.3, "0.30000000000000004"),
        (0.94, 0.95, "0.9400"),
    ],
)
def test_a_number_beside_its_limit(value: float, limit: float, text: str) -> None:
    """What misses its limit by little is not shown as the limit."""
    assert number(value, limit) == text


@given(NEAR, NEAR)
@example(0.94999, 0.95)
@example(9.99999, 10.0)
@example(-5e-324, 0.0)
@example(1.7976931348623157e308, 1e308)
def test_what_is_printed_is_what_is(value: float, limit: float) -> None:
    """Read back, it lies on the same side of 0, 1 and the limit, and within half a unit of its last digit."""
    text = number(value, limit)
    read = Decimal(text.replace(",", ""))
    for mark in (0.0, 1.0, limit):
        assert (float(read) > mark, float(read) < mark) == (value > mark, value < mark)
    exponent = read.as_tuple().exponent
    assert isinstance(exponent, int)
    assert abs(read - Decimal(value)) * 2 <= Decimal(1).scaleb(exponent) * Decimal("1.0000000001")
    assert not text.startswith("-") or value < 0


@given(NUMBERS)
def test_a_table_cell_is_as_true_as_it_is_short(value: float) -> None:
    """Read back, it lies on the same side of 0 and 1; it ends in no zero that says nothing."""
    read = float(cell(value).replace(",", ""))
    for mark in (0.0, 1.0):
        assert (read > mark, read < mark) == (value > mark, value < mark)
    assert math.isclose(read, value, rel_tol=1e-4, abs_tol=5e-5)
    assert "." not in cell(value) or not cell(value).partition("e")[0].endswith("0")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "%", "-"),
        ("text", "%", "text"),
        (1234567, "", "1,234,567"),
        (0, "ms", "0 ms"),
        (0.5, "%", "0.5 %"),
        (99.999, "%", "99.999 %"),
        (100.0, "%", "100 %"),
        (0.30000000000000004, "", "0.3"),
    ],
)
def test_cells(value: str | float | None, unit: str, text: str) -> None:
    """Numbers have their unit, and nearly all of it is not all of it."""
    assert cell(value, unit) == text


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.88, 0.92, "0.9000 [0.8800, 0.9200]"),
        (None, None, "0.9000"),
        (0.9, None, "0.9000 [0.9000, inf]"),
        (None, 0.9, "0.9000 [-inf, 0.9000]"),
        (0.9, 0.9, "0.9000 [0.9000, 0.9000]"),
        (0.88, 0.94999, "0.9000 [0.8800, 0.94999]"),
    ],
)
def test_estimates(lower: float | None, upper: float | None, text: str) -> None:
    """Bounds where there are any: a tied quantile has some, and one beside the limit is not shown as the limit."""
    assert estimate(replace(FINDING, lower=lower, upper=upper, limit=0.95)) == text


def test_a_point_has_no_bounds() -> None:
    """It is one because the finding says so, not because its bounds are equal; its unit stands behind."""
    assert estimate(replace(FINDING, lower=0.9, upper=0.9, point=True, unit="ms")) == "0.9000 ms"
    assert estimate(replace(FINDING, value=None)) == "-"
