"""A report for a terminal: aligned columns, colours only when asked."""

import textwrap
from collections.abc import Sequence
from typing import assert_never

from ml_cicd.faces import picture, words
from ml_cicd.faces.plain import no_command, one_line, visible
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Outcome, Verdict
from ml_cicd.ground.operation import Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Report, Section, Table, Timeline

GREEN, RED, YELLOW, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
COLOURS = {Outcome.PASS: GREEN, Outcome.FAIL: RED, Outcome.INCONCLUSIVE: YELLOW}
CURVE_WIDTH = 40
NARROWEST = 20  # below that there is no room beside the indents


def to_terminal(report: Report, *, colour: bool, width: int) -> str:
    """Return the report as lines of at most about `width` columns, and never less than twenty."""
    width = max(width, NARROWEST)
    unsure = report.exit_code is Exit.INCONCLUSIVE or words.lets_through(report)
    tint = YELLOW if unsure else GREEN if report.exit_code is Exit.DONE else RED
    lines = [_paint(f"{report.command}: {one_line(report.headline)}", tint, colour=colour)]
    for section in report.sections:
        lines += _section(section, colour=colour, width=width)
    if report.cure:
        lines.append(f"What to do: {one_line(report.cure)}")
    # Not only the actions print this: a step of somebody's own may, with the text of others in it.
    return "\n".join(map(no_command, lines)) + "\n"


def _section(section: Section, *, colour: bool, width: int) -> list[str]:
    match section:
        case Findings():
            return _findings(section.verdict, colour=colour, width=width)
        case Table():
            rows = _laid_out(section.header, words.cells(section), width)
            return [f"{one_line(section.title)}:", *(line for row in rows for line in row)]
        case Curve():
            return _curve(section)
        case Timeline():
            return [f"{one_line(section.title)}:", *_align(section.moments)]
        case Receipt():
            return _receipt(section)
        case Note():
            return _wrapped(section.text, width, indent=2, more=2)
        case _:
            assert_never(section)


def _verbatim(text: str) -> str:
    """Return a command to be copied: one line too, but with all of its blanks."""
    return visible(" ".join(text.splitlines()))


def _paint(text: str, code: str, *, colour: bool) -> str:
    return f"{code}{text}{PLAIN}" if colour else text


def _findings(verdict: Verdict, *, colour: bool, width: int) -> list[str]:
    header, *rows = _measured(verdict, width) if words.measures(verdict) else _checks(verdict, width)
    out = header
    for (line, *below), finding in zip(rows, verdict.findings, strict=True):
        out += [_paint(line, COLOURS.get(finding.outcome, RED), colour=colour), *below]
    return out


def _measured(verdict: Verdict, width: int) -> list[list[str]]:
    header = ("outcome", "rule", "demand", "estimate [bounds]", "rows", picture.LEGEND)
    cells = [
        (words.severity_mark(f), f.rule, f.demand, words.estimate(f), words.rows(f), picture.interval(f))
        for f in verdict.findings
    ]
    lines = _align([header, *cells])
    if max(map(len, lines)) > width:
        lines = _align([row[:-1] for row in (header, *cells)])
    why = ["" if f.outcome is Outcome.PASS else words.why(f) for f in verdict.findings]
    return [[line, *_wrapped(text, width, indent=4)] for line, text in zip(lines, ["", *why], strict=True)]


def _checks(verdict: Verdict, width: int) -> list[list[str]]:
    rows = [(words.severity_mark(f), *words.check(f)) for f in verdict.findings]
    return _laid_out(("outcome", *words.CHECK), rows, width)


def _wrapped(text: str, width: int, *, indent: int, more: int = 0) -> list[str]:
    first, rest = " " * indent, " " * (indent + more)
    # A command in a sentence is copied, so `ml-cicd` stays one word.
    return textwrap.wrap(one_line(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [("  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip() for row in rows]


def _laid_out(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Lay a table out, some lines for each row; the columns that do not fit go below their row, indented."""
    fitting = len(header)
    while fitting > 1 and max(map(len, _align([row[:fitting] for row in (header, *rows)]))) > width:
        fitting -= 1
    lines = _align([row[:fitting] for row in (header, *rows)])
    below = [
        [],
        *([line for cell in row[fitting:] for line in _wrapped(cell, width, indent=6, more=2)] for row in rows),
    ]
    return [[line, *more] for line, more in zip(lines, below, strict=True)]


def _curve(curve: Curve) -> list[str]:
    """Draw each line as blocks on one common scale, from its own first to its own last point."""
    drawn = {name: points for name, points in curve.series.items() if points}
    ys = [y for points in drawn.values() for _, y in points]
    rows = []
    for name, points in drawn.items():
        (start, first), (end, last) = points[0], points[-1]
        heights = picture.heights(points, start, end, CURVE_WIDTH if end > start else 1)
        ends = [f"{words.cell(a)} to {words.cell(b)}" for a, b in ((start, end), (first, last))]
        rows.append((name, picture.sparkline(heights, min(ys), max(ys)), *ends))
    header = ("line", "", curve.x, curve.y)
    return [f"{one_line(curve.title)}:", *_align([header, *rows])]


def _receipt(receipt: Receipt) -> list[str]:
    lines = [f"  done      {one_line(done.what)}: {one_line(done.result)}" for done in receipt.done]
    lines += [f"  NOT DONE  {one_line(what)}" for what in receipt.not_done]
    if receipt.problem:
        lines.append(f"  stopped:  {one_line(receipt.problem)}")
    lines += [f"  finish with: {_verbatim(cure)}" for cure in receipt.cures]
    return [*lines, *(f"  would     {one_line(what)}" for what in receipt.planned)]
