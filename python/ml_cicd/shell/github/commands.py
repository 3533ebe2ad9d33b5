"""Workflow commands: annotations on standard output, and text that must not be taken for one."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from ml_cicd.faces.plain import no_command, one_line, visible

MOST_OF_A_KIND = 9
LONGEST = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """One annotation; `kind` is error, warning or notice."""

    kind: str
    title: str
    message: str


def command_lines(annotations: Iterable[Annotation]) -> list[str]:
    """Return the lines to print: at most nine of a kind and one that counts the rest, because GitHub shows ten."""
    by_kind: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        by_kind.setdefault(annotation.kind, []).append(annotation)
    lines = []
    for kind, found in by_kind.items():
        lines += [_line(a) for a in found[:MOST_OF_A_KIND]]
        rest = len(found) - MOST_OF_A_KIND
        if rest > 0:
            lines.append(_line(Annotation(kind=kind, title="ml-cicd", message=f"and {rest} more; see the summary")))
    return lines


def fenced(text: str) -> str:
    """Return text for standard output in which the runner obeys nothing: only a word nobody can guess ends that."""
    start, end = fence()
    return f"{start}\n{text.rstrip()}\n{end}\n"


def fence() -> tuple[str, str]:
    """Return the lines that make the runner stop obeying commands, and obey them again."""
    word = uuid.uuid4().hex
    return f"::stop-commands::{word}", f"::{word}::"


def harmless(text: str) -> str:
    """Return text as one line that is no command, in the old syntax (`##[`) neither."""
    return no_command(one_line(text))


def escape_data(text: str) -> str:
    """Escape a message as @actions/toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape a property as @actions/toolkit does."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _line(annotation: Annotation) -> str:
    title, message = escape_property(one_line(annotation.title)), escape_data(visible(annotation.message)[:LONGEST])
    return f"::{annotation.kind} title={title}::{message}"
