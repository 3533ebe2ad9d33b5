"""Model names: one rule for configuration, command and doors."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.versions import LEDGER_SUFFIX, NAME, check_model_name, ledger_name
from tests.registry.odd_names import ODD_NAMES

EARLIER_RULES = (r"[\w][\w .-]{0,199}", r"[^/:'\"`\\]{1,200}", r"[^/:]{1,200}")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_refused(name: str) -> None:
    """A name that a path or a filter would misread, or that is a ledger's, is no model's."""
    with pytest.raises(InputError):
        check_model_name(name)


@pytest.mark.parametrize("name", ["digits", "fraud detection", "churn-2.1", "_x", "7", "größe", "a" * 200])
def test_names_that_people_give_are_taken(name: str) -> None:
    """Letters of any language, digits, spaces, dots, underscores and dashes."""
    check_model_name(name)


@given(st.from_regex(NAME))
def test_the_rule_takes_nothing_that_an_earlier_rule_refused(name: str) -> None:
    """Command, registry and schema once had a rule each; a name is taken only if all three took it."""
    assert all(re.fullmatch(rule, name) for rule in EARLIER_RULES)


@given(st.from_regex(NAME))
def test_a_ledger_is_no_model(name: str) -> None:
    """No model's ledger can be registered as a model, so an entry is never taken for a version."""
    assert ledger_name(name).endswith(LEDGER_SUFFIX)
    with pytest.raises(InputError):
        check_model_name(ledger_name(name))
