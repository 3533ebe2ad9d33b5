"""A report for a terminal: aligned columns, colours only when asked."""

import textwrap

from ml_cicd.domain.operation import Receipt
from ml_cicd.domain.report import Report, Table
from ml_cicd.domain.verdict import Outcome, Verdict
from ml_cicd.errors import Exit
from ml_cicd.render import picture, words

GREEN, RED, YELLOW, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
COLOURS = {Outcome.PASS: GREEN, Outcome.FAIL: RED, Outcome.INCONCLUSIVE: YELLOW}


def to_terminal(report: Report, *, colour: bool, width: int) -> str:
    """Return the report as lines of at most about `width` columns."""
    tint = GREEN if report.exit_code is Exit.DONE else YELLOW if report.exit_code is Exit.INCONCLUSIVE else RED
    parts = [_paint(f"{report.command}: {_line(report.headline)}", tint, colour=colour)]
    if report.verdict is not None:
        parts.append(_verdict(report.verdict, colour=colour, width=width))
    parts += [_table(table, width) for table in report.tables]
    if report.receipt is not None and (report.receipt.done or report.receipt.not_done):
        parts.append(_receipt(report.receipt))
    parts += [f"  {_line(note)}" for note in report.notes]
    if report.cure:
        parts.append(f"What to do: {_line(report.cure)}")
    return "\n".join(parts) + "\n"


def _line(text: str) -> str:
    """Return text as one line without control characters, which could steer a terminal."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def _paint(text: str, code: str, *, colour: bool) -> str:
    return f"{code}{text}{PLAIN}" if colour else text


def _verdict(verdict: Verdict, *, colour: bool, width: int) -> str:
    header = ("outcome", "rule", "demand", "estimate [bounds]", "rows", picture.LEGEND)
    cells = [
        (words.severity_mark(f), f.rule, f.demand, words.estimate(f), words.rows(f), picture.interval(f))
        for f in verdict.findings
    ]
    lines = _align([header, *cells])
    if max(map(len, lines)) > width:
        lines = _align([row[:-1] for row in (header, *cells)])
    out = [lines[0]]
    for line, finding in zip(lines[1:], verdict.findings, strict=True):
        out.append(_paint(line, COLOURS.get(finding.outcome, RED), colour=colour))
        if finding.outcome is not Outcome.PASS:
            out += textwrap.wrap(_line(finding.reason), width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(out)


def _align(rows: list[tuple[str, ...]]) -> list[str]:
    rows = [tuple(_line(cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [("  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip() for row in rows]


def _table(table: Table, width: int) -> str:
    """Lay a table out; the columns that do not fit go below their row, indented."""
    rows = [table.header, *table.rows]
    fitting = len(table.header)
    while fitting > 1 and max(map(len, _align([row[:fitting] for row in rows]))) > width:
        fitting -= 1
    lines = [_line(table.title) + ":"]
    for line, row in zip(_align([row[:fitting] for row in rows]), rows, strict=True):
        lines.append(line)
        for cell in row[fitting:] if row is not table.header else ():
            lines += textwrap.wrap(_line(cell), width, initial_indent="      ", subsequent_indent="        ")
    return "\n".join(lines)


def _receipt(receipt: Receipt) -> str:
    lines = [f"  done      {_line(done.what)}: {_line(done.result)}" for done in receipt.done]
    lines += [f"  NOT DONE  {_line(what)}" for what in receipt.not_done]
    if receipt.problem:
        lines.append(f"  stopped:  {_line(receipt.problem)}")
    lines += [f"  finish with: {_line(cure)}" for cure in receipt.cures]
    return "\n".join(lines)
