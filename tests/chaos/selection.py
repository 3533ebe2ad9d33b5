"""Which of a file's cases were asked for: they all run at once, and their tests only say what came of each."""

import pytest


def chosen(request: pytest.FixtureRequest) -> set[str]:
    """Return the names that the chosen tests of this file have."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    return {str(test.callspec.params["name"]) for test in tests if hasattr(test, "callspec")}
