"""Terminals of 60, 80 and 100 columns: nothing is cut, and no column loses its name.

What each shows lies in `narrow/`. After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/faces`, then look at it.
"""

import os
from pathlib import Path

import pytest

from ml_cicd.faces import words
from ml_cicd.faces.terminal import to_terminal
from ml_cicd.ground.report import Curve, Findings, Report, Table, Timeline
from tests.faces.narrow import REPORTS

SHOWN = Path(__file__).resolve().parent / "narrow"
WIDTHS = (60, 80, 100)
WHOLE = ("quality-gate: ", "canary: ", "doctor: ", "What to do: ", "  finish with: ")  # one line each, to be copied


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_what_is_shown(name: str, width: int) -> None:
    """Exactly what lies in the file."""
    shown, path = to_terminal(REPORTS[name], colour=False, width=width), SHOWN / f"{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text("utf-8")


@pytest.mark.parametrize("width", range(30, 130))
@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_lost(name: str, width: int) -> None:
    """Every number, word and name of a column stands there whole; a line is wider than asked only for one long word."""
    shown = to_terminal(REPORTS[name], colour=False, width=width)
    seen = words_of(shown)
    for text in texts(REPORTS[name]):
        assert words_of(text) <= seen
    for line in shown.splitlines():
        assert len(line) <= width or line.startswith(WHOLE) or longest(line) > width // 2


def words_of(text: str) -> set[str]:
    """Return what stands between blanks, without the colon that a name has where it is stacked."""
    return {word.removesuffix(":") for word in text.split()}


def longest(line: str) -> int:
    """Return the length of the longest word."""
    return max(map(len, line.split()), default=0)


def texts(report: Report) -> list[str]:
    """Return all that the sections of a report say."""
    found: list[str] = []
    for section in report.sections:
        match section:
            case Table():
                found += [*section.header, *(cell for row in words.cells(section) for cell in row)]
            case Timeline():
                found += [text for moment in section.moments for text in moment]
            case Curve():
                found += [section.x, section.y, *section.series]
            case Findings() if words.measures(section.verdict):
                found += ["outcome", "rule", "demand", "estimate [bounds]", "rows"]
                for one in section.verdict.findings:
                    found += [one.rule, one.demand, words.estimate(one), words.rows(one)]
            case Findings():
                found += ["outcome", *words.CHECK, *(text for f in section.verdict.findings for text in words.check(f))]
            case _:
                pass
    return found
