"""The runner of composite actions against known answers of GitHub's own expression engine."""

from typing import Any

import pytest

from tests.actions.composite_runner import obeyed, parse_outputs
from tests.actions.expressions import evaluate, interpolate, truthy

CONTEXTS: dict[str, Any] = {
    "inputs": {"a": "x", "empty": "", "flag": "TRUE"},
    "steps": {"one": {"outputs": {"value": "3"}}},
    "github": {"action_status": "success"},
}
VECTORS: list[tuple[str, Any]] = [
    ("inputs.a == 'X'", True),
    ("inputs.empty == null", True),
    ("inputs.missing == ''", True),
    ("'true' == 'TRUE'", True),
    ("1 == '1'", True),
    ("null == 0", True),
    ("inputs.empty || 'default'", "default"),
    ("inputs.a && 'yes'", "yes"),
    ("!inputs.empty", True),
    ("inputs.a == '' || steps.one.outputs.value == '3'", True),
    ("steps.none.outputs.value", None),
    ("fromJSON('[1,2]')[1]", 2),
    ('fromJSON(\'{"k": "v"}\').k', "v"),
    ("format('{0}-{1}', inputs.a, 2)", "x-2"),
    ("contains('Hello', 'hell')", True),
    ("startsWith('Hello', 'HE')", True),
    ("success()", True),
    ("failure()", False),
    ("'it''s'", "it's"),
]


@pytest.mark.parametrize(("expression", "expected"), VECTORS)
def test_expressions(expression: str, expected: Any) -> None:
    """Expressions have GitHub's value."""
    assert evaluate(expression, CONTEXTS) == expected


def test_truth_and_interpolation() -> None:
    """'', 0, null and false are false; text is pasted as it is."""
    assert [truthy(v) for v in ("", 0, None, False, "0", "false")] == [False] * 4 + [True] * 2
    assert interpolate("a ${{ inputs.a }} b ${{ steps.one.outputs.value }}", CONTEXTS) == "a x b 3"


def test_outputs_are_parsed_by_the_runners_rules() -> None:
    """name=value and heredocs, in any order, values with = and <<."""
    text = "a=1=2\nb<<EOF_x\nline 1\nc=forged\nEOF_x\nd=x<<y\n"
    assert parse_outputs(text) == {"a": "1=2", "b": "line 1\nc=forged", "d": "x<<y"}


def test_commands_are_obeyed_by_the_runners_rules() -> None:
    """A command may be indented; between stop-commands and its word there is none; the old syntax counts too."""
    log = (
        "::error::a\n  ::warning file=x::b\n::stop-commands::w\n::error::c\n##[error]d\n::v::\n::w::\ntext ##[error]e\n"
    )
    assert obeyed(log) == ["::error::a", "::warning file=x::b", "##[error]e"]
