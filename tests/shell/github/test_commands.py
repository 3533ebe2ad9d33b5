"""Workflow commands, read back by the runner's own rules."""

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.faces.plain import one_line, visible
from ml_cicd.shell.github.commands import LONGEST, MOST_OF_A_KIND, Annotation, command_lines, fenced, harmless
from tests.actions.composite_runner import obeyed
from tests.faces.reports import UNSEEN

TEXTS = (
    st.text()
    | st.text(alphabet=UNSEEN)
    | st.sampled_from(["%0A", "a\r\nb", "::error::x", "a,b:c%25", "##[error]x", "\u2028::error::x", "  ::warning::y"])
)
KINDS = st.sampled_from(["error", "warning", "notice"])
COMMAND = re.compile(r"^::(?P<kind>\w+) title=(?P<title>[^:,]*)::(?P<message>.*)$", flags=re.DOTALL)


def unescaped(text: str, *, is_property: bool) -> str:
    """Undo the escapes as the runner does: `%25` last."""
    pairs = {"%0D": "\r", "%0A": "\n"} | ({"%3A": ":", "%2C": ","} if is_property else {})
    for code, character in (pairs | {"%25": "%"}).items():
        text = text.replace(code, character)
    return text


@given(KINDS, TEXTS, TEXTS)
def test_an_annotation_is_read_as_it_was_meant(kind: str, title: str, message: str) -> None:
    """One line, whose title and message the runner reads back unchanged, but for what cannot be seen."""
    (line,) = command_lines([Annotation(kind=kind, title=title, message=message)])
    assert "\n" not in line
    assert "\r" not in line
    match = COMMAND.match(line)
    assert match
    assert match["kind"] == kind
    assert unescaped(match["title"], is_property=True) == one_line(title)
    assert unescaped(match["message"], is_property=False) == visible(message)
    assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in line)


def test_at_most_ten_of_a_kind() -> None:
    """GitHub shows ten of a kind: nine of ours, and one that counts the rest."""
    many = [Annotation(kind="error", title=str(i), message="m") for i in range(30)]
    lines = command_lines([*many, Annotation(kind="warning", title="w", message="m")])
    assert len(lines) == MOST_OF_A_KIND + 2
    assert "and 21 more" in lines[MOST_OF_A_KIND]
    assert lines[-1].startswith("::warning ")


def test_exactly_nine_need_no_count() -> None:
    """Nine annotations are nine lines."""
    lines = command_lines([Annotation(kind="notice", title="n", message="m")] * MOST_OF_A_KIND)
    assert len(lines) == MOST_OF_A_KIND
    assert not any("more" in line for line in lines)


def test_long_messages_are_cut() -> None:
    """GitHub cuts at 4,096 characters; ours end before that."""
    (line,) = command_lines([Annotation(kind="error", title="t", message="x" * 10_000)])
    assert len(line) == LONGEST + len("::error title=t::")


@given(TEXTS)
def test_fenced_text_is_shown_and_not_obeyed(text: str) -> None:
    """Between the fences nothing is a command, and what comes after them is one again."""
    text = text.replace("\r", "")  # the runner's log knows it as the end of a line, and its reader here does not
    log = fenced(text) + "::notice::after"
    assert text.rstrip() in log
    assert obeyed(log) == ["::notice::after"]


def test_a_fence_cannot_be_guessed() -> None:
    """Two fences have different words."""
    assert fenced("a") != fenced("a")


@given(TEXTS)
def test_a_harmless_line_is_no_command(text: str) -> None:
    """Whatever it was, it is one line and no command, in the old syntax neither."""
    line = harmless(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable()
    assert obeyed(line) == []
