"""A report for a terminal: aligned columns, stacked where it is narrow, colours only when asked.

Headline, cure and commands to copy are one line each, however long: a terminal wraps them, and a copy of them is whole.
"""

import textwrap
from collections.abc import Sequence
from itertools import chain
from typing import assert_never

from ml_cicd.faces import picture, words
from ml_cicd.faces.plain import no_command, one_line, visible
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Outcome, Verdict
from ml_cicd.ground.operation import Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Report, Section, Table, Timeline

GREEN, RED, YELLOW, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
COLOURS = {Outcome.PASS: GREEN, Outcome.FAIL: RED, Outcome.INCONCLUSIVE: YELLOW}
CURVE_WIDTHS = (40, 20, 10)
ROOM = 24  # the least that the last column of a table is wrapped in
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
            return [f"{one_line(section.title)}:", *chain.from_iterable(rows)]
        case Curve():
            return _curve(section, width)
        case Timeline():
            rows = _laid_out(("", ""), section.moments, width)[1:]
            return [f"{one_line(section.title)}:", *chain.from_iterable(rows)]
        case Receipt():
            return _receipt(section, width)
        case Note():
            return _wrapped(section.text, width, first="  ", more="    ")
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
    shown = len(header) if _fits([header, *cells], width) else len(header) - 1  # the picture goes first
    rows = _laid_out(header[:shown], [row[:shown] for row in cells], width)
    why = [words.why(f) if f.point or f.outcome is not Outcome.PASS else "" for f in verdict.findings]
    return [
        [*lines, *_wrapped(text, width, first=" " * 4, more=" " * 4)]
        for lines, text in zip(rows, ["", *why], strict=True)
    ]


def _checks(verdict: Verdict, width: int) -> list[list[str]]:
    rows = [(words.severity_mark(f), *words.check(f)) for f in verdict.findings]
    return _laid_out(("outcome", *words.CHECK), rows, width)


def _wrapped(text: str, width: int, *, first: str, more: str) -> list[str]:
    # Commands, digests and addresses are copied, so no word is cut: one that is too long sticks out.
    return textwrap.wrap(
        one_line(text),
        width,
        initial_indent=first,
        subsequent_indent=more,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [("  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip() for row in rows]


def _fits(rows: Sequence[Sequence[str]], width: int) -> bool:
    return max(map(len, _align(rows))) <= width


def _laid_out(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Lay a table out, some lines for each row and the header.

    The last column is wrapped where the others leave it room. Else what does not fit goes below its row, each cell with
    the name of its column: nothing is cut.
    """
    every = [header, *rows]
    if _fits(every, width):
        return [[line] for line in _align(every)]
    others = _align([row[:-1] for row in every])
    room = width - 2 - max(map(len, others))
    if room >= ROOM:
        return [_hanging(start, row[-1], width - room, room) for start, row in zip(others, every, strict=True)]
    fitting = next((n for n in range(len(header) - 1, 1, -1) if _fits([row[:n] for row in every], width)), 1)
    lines = _align([row[:fitting] for row in every])
    below = [[], *(_stacked(header[fitting:], row[fitting:], width) for row in rows)]
    return [[line, *more] for line, more in zip(lines, below, strict=True)]


def _hanging(start: str, text: str, indent: int, room: int) -> list[str]:
    """Return a row whose last cell is wrapped in its own column."""
    first, *more = _wrapped(text, room, first="", more="") or [""]
    return [f"{start.ljust(indent)}{first}".rstrip(), *(" " * indent + line for line in more)]


def _stacked(header: Sequence[str], cells: Sequence[str], width: int) -> list[str]:
    """Return cells under names of their own, as many on a line as fit; one that takes several lines stands alone."""
    packed: list[list[str]] = []
    for name, cell in zip(map(one_line, header), map(one_line, cells), strict=True):
        text = f"{name}: {cell}" if name else cell
        if packed and len(packed[-1]) == 1 and len(f"{packed[-1][0]}   {text}") <= width and cell:
            packed[-1][0] += f"   {text}"
        elif cell:
            packed.append(_wrapped(text, width, first=" " * 4, more=" " * 6))
    return [line for lines in packed for line in lines]


def _curve(curve: Curve, width: int) -> list[str]:
    """Draw each line as blocks on one common scale, from its own first to its own last point."""
    header = ("line", "", curve.x, curve.y)
    drawn = (_drawn(curve, blocks) for blocks in CURVE_WIDTHS)
    rows = next((rows for rows in drawn if _fits([header, *rows], width)), _drawn(curve, CURVE_WIDTHS[-1]))
    return [f"{one_line(curve.title)}:", *chain.from_iterable(_laid_out(header, rows, width))]


def _drawn(curve: Curve, blocks: int) -> list[tuple[str, ...]]:
    lines = {name: points for name, points in curve.series.items() if points}
    ys = [y for points in lines.values() for _, y in points]
    rows = []
    for name, points in lines.items():
        (start, first), (end, last) = points[0], points[-1]
        heights = picture.heights(points, start, end, blocks if end > start else 1)
        ends = [f"{words.cell(a)} to {words.cell(b)}" for a, b in ((start, end), (first, last))]
        rows.append((name, picture.sparkline(heights, min(ys), max(ys)), *ends))
    return rows


def _receipt(receipt: Receipt, width: int) -> list[str]:
    told = [("  done      ", f"{done.what}: {done.result}") for done in receipt.done]
    told += [("  NOT DONE  ", what) for what in receipt.not_done]
    told += [("  stopped:  ", receipt.problem)] if receipt.problem else []
    lines = [line for head, text in told for line in _wrapped(text, width, first=head, more=" " * len(head))]
    lines += [f"  finish with: {_verbatim(cure)}" for cure in receipt.cures]
    return [
        *lines,
        *(line for what in receipt.planned for line in _wrapped(what, width, first="  would     ", more=" " * 12)),
    ]
