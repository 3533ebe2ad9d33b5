"""Typed getters: the right type or an error that says path, what was found and what was expected."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import (
    LONGEST_SHOWN,
    as_integer,
    as_list,
    as_mapping,
    as_number,
    as_text,
    describe,
    optional,
    refuse_unknown,
    required,
    suggest,
)

Getter = Callable[[object, str], object]


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (as_mapping, {"a": 1}),
        (as_mapping, {}),
        (as_list, [1, "a"]),
        (as_list, ()),
        (as_text, "x"),
        (as_integer, -3),
        (as_number, 0.5),
        (as_number, 3),
    ],
)
def test_what_is_right_is_returned(read: Getter, value: object) -> None:
    """The value itself."""
    assert read(value, "p") == value


@pytest.mark.parametrize(
    ("read", "value", "says"),
    [
        (as_mapping, [1], "p: found the list [1], expected a mapping."),
        (as_mapping, None, "p: found nothing, expected a mapping."),
        (as_mapping, {1: "a"}, "p: the name 1 is the number 1."),
        (as_list, "text", "p: found the text 'text', expected a list."),
        (as_list, {"a": 1}, "p: found the mapping {'a': 1}, expected a list."),
        (as_text, "", "p: found the text '', expected text."),
        (as_text, 3, "p: found the number 3, expected text."),
        (as_integer, 3.0, "p: found the number 3.0, expected an integer."),
        (as_integer, True, "p: found True, expected an integer."),
        (as_number, "3", "p: found the text '3', expected a number."),
        (as_number, False, "p: found False, expected a number."),
        (as_number, math.nan, "p: nan is not a finite number."),
        (as_number, -math.inf, "p: -inf is not a finite number."),
        (as_number, 10**400, "p: the number is too large."),
    ],
)
def test_what_is_wrong_is_named(read: Getter, value: object, says: str) -> None:
    """Path, what was found, what was expected, and a cure; a boolean is no number, and NaN neither."""
    with pytest.raises(InputError) as problem:
        read(value, "p")
    assert problem.value.what == says
    assert problem.value.cure


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300))
def test_every_finite_number_is_one(value: float) -> None:
    """As a float, whatever it was written as."""
    assert as_number(value, "p") == float(value)


def test_keys_that_must_and_may_be_there() -> None:
    """The path grows by the key; null counts as absent where a key may be absent, never where it must be there."""
    assert required({"a": "x"}, "a", as_text, "p") == "x"
    assert optional({"a": "x"}, "a", as_text, "p") == "x"
    assert optional({}, "a", as_text, "p") is None
    assert optional({"a": None}, "a", as_text, "p") is None
    with pytest.raises(InputError, match="p: 'a' is missing"):
        required({}, "a", as_text, "p")
    for get in (required, optional):
        with pytest.raises(InputError, match=r"p\.a: found the number 3"):
            get({"a": 3}, "a", as_text, "p")
    with pytest.raises(InputError, match=r"p\.a: found nothing"):
        required({"a": None}, "a", as_text, "p")


def test_unknown_names_are_errors() -> None:
    """With a suggestion where one is near, else with all that is allowed."""
    refuse_unknown({"accuracy": 1}, ["accuracy", "recall"], "p")
    with pytest.raises(InputError) as problem:
        refuse_unknown({"acuracy": 1}, ["accuracy", "recall"], "p")
    assert (problem.value.what, problem.value.cure) == ("p: unknown name 'acuracy'.", "Did you mean 'accuracy'?")
    assert suggest("zzz", ["b", "a"]) == "Allowed: a, b."


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=30))
def test_what_was_found_fits_into_a_message(value: object) -> None:
    """Short, whatever it is."""
    assert 0 < len(describe(value)) <= LONGEST_SHOWN + len("the mapping ")
