"""The consumer's own tests."""

from recipe import WEIGHTS


def test_the_recipe_names_weights() -> None:
    """There is something to train."""
    assert WEIGHTS
