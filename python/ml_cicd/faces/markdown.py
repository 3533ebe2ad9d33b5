"""A report as GitHub Markdown, with all that comes from outside escaped: no HTML, no mention, no link."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import cycle, groupby
from typing import assert_never

from ml_cicd.faces import picture, words
from ml_cicd.faces.plain import one_line, visible
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Finding, Verdict
from ml_cicd.ground.operation import Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Report, Section, Table, Timeline

LONGEST_CELL = 500
RUNBOOK = "docs/runbook.md"
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
WWW = re.compile(r"(www)\.", re.IGNORECASE)  # GitHub makes a link of it without any markup
UNKNOWN_TO_MERMAID = re.compile(r"[^\w .,:()/%+*='-]+|%(?=%)")  # quotes would end a text, `%%{` begins a directive
# A power of two steps: Mermaid adds the step up, and must arrive at the end exactly or the last point is lost.
CURVE_POINTS = 2**5 + 1
# Mermaid's own first colour is nearly white; these are seen on a white page and on a black one.
COLOURS = {"red": "#e5484d", "blue": "#3b82f6", "green": "#30a46c", "orange": "#f76b15"}
PALETTE = f'%%{{init: {{"themeVariables": {{"xyChart": {{"plotColorPalette": "{", ".join(COLOURS.values())}"}}}}}}}}%%'


def to_markdown(report: Report, *, runbook: str = "") -> str:
    """Return the summary of a run; a red one leads to the runbook, by its address where that is known."""
    parts = [f"## {words.icon(report)} {report.command}: {escape(report.headline)}"]
    if report.cure:
        parts.append(f"**What to do:** {escape(report.cure)}")
    if report.exit_code is not Exit.DONE:
        parts.append(f"In doubt: [{RUNBOOK}]({runbook})." if runbook else f"In doubt: {RUNBOOK} of ml-cicd.")
    for kind, sections in groupby(report.sections, type):
        texts = filter(None, map(_section, sections))
        parts.append(("\n" if kind is Note else "\n\n").join(texts))  # neighbouring notes are one list
    return "\n\n".join(filter(None, parts)) + "\n"


def escape(text: str) -> str:
    """Make text harmless in a cell or a line: no markup, no HTML, no mention, no line break."""
    flat = one_line(text)
    if len(flat) > LONGEST_CELL:
        flat = flat[: LONGEST_CELL - 1] + "…"
    marked = SPECIAL.sub(r"\\\1", flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return WWW.sub("\\1\u200b.", marked.replace("@", "@\u200b").replace("://", ":\u200b//"))


def _code(text: str) -> str:
    """Make text harmless as a code span, where a backquote would end it."""
    flat = one_line(text)[:LONGEST_CELL].replace("`", "'")
    return f"`{flat}`"


def _block(text: str) -> str:
    """Return text as it stands, to be copied: only a run of backquotes as long as the fence's would end it."""
    text = visible(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}sh\n{text}\n{fence}"


def _section(section: Section) -> str:
    match section:
        case Findings():
            return _findings(section.verdict)
        case Table():
            return _table(section)
        case Curve():
            return _curve(section)
        case Timeline():
            lines = [f"- {_code(at)} {escape(what)}" for at, what in section.moments]
            return _titled(section.title, "\n".join(lines))
        case Receipt():
            return _receipt(section)
        case Note():
            return f"- {escape(section.text)}"
        case _:
            assert_never(section)


def _titled(title: str, body: str) -> str:
    return f"### {escape(title)}\n\n{body}"


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(header), " | ".join("---" for _ in header), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _findings(verdict: Verdict) -> str:
    if words.measures(verdict):
        header = ["outcome", "rule", "demand", "estimate [bounds]", "rows", picture.LEGEND, "why"]
        rows = [[_outcome(f), escape(f.rule), *_measured(f), escape(words.why(f))] for f in verdict.findings]
    else:
        header = ["outcome", *words.CHECK]
        rows = [[_outcome(f), *map(escape, words.check(f))] for f in verdict.findings]
    return "\n\n".join(filter(None, (_grid(header, rows), _bindings(verdict))))


def _outcome(finding: Finding) -> str:
    return f"{words.MARKS[finding.outcome]} {words.severity_mark(finding)}"


def _measured(finding: Finding) -> list[str]:
    drawn = picture.interval(finding)
    texts = [escape(finding.demand), escape(words.estimate(finding)), words.rows(finding)]
    return [*texts, f"`{drawn}`" if drawn else ""]


def _bindings(verdict: Verdict) -> str:
    bound = {"model": verdict.bindings.model, "policy": verdict.bindings.policy, "commit": verdict.bindings.commit}
    lines = [f"- {name}: {_code(value)}" for name, value in bound.items() if value]
    lines += [f"- {escape(name)}: {_code(value)}" for name, value in sorted(verdict.bindings.data.items())]
    if not lines:
        return ""
    inner = "\n".join([*lines, f"- verdict: `{verdict.digest}`"])
    return f"<details><summary>What this verdict is bound to</summary>\n\n{inner}\n\n</details>"


def _table(table: Table) -> str:
    return _titled(
        table.title, _grid([*map(escape, table.header)], [[*map(escape, row)] for row in words.cells(table)])
    )


def _curve(curve: Curve) -> str:
    """Draw the stretch that all series share; GitHub's Mermaid knows evenly spaced points only."""
    drawn = {name: points for name, points in curve.series.items() if points}
    start = max((points[0][0] for points in drawn.values()), default=0.0)
    end = min((points[-1][0] for points in drawn.values()), default=0.0)
    lines = {name: picture.heights(points, start, end, CURVE_POINTS) for name, points in drawn.items()}
    low, high = min(map(min, lines.values()), default=0.0), max(map(max, lines.values()), default=0.0)
    high = high if high > low else low + 1
    if not start < end or not low < high:  # the sum of a huge number and one is the number
        rows = [[escape(name), words.number(x), words.number(y)] for name, points in drawn.items() for x, y in points]
        return _titled(curve.title, _grid(["line", escape(curve.x), escape(curve.y)], rows))
    digits = _digits(low, high)
    chart = [
        "```mermaid",
        PALETTE,
        "xychart-beta",
        f"  x-axis {_mermaid_text(curve.x)} {_axis(start, end)}",
        f"  y-axis {_mermaid_text(curve.y)} {_axis(low, high)}",
        *(f"  line {_mermaid_text(name)} [{', '.join(_plain(y, digits) for y in ys)}]" for name, ys in lines.items()),
        "```",
    ]
    colours = cycle(COLOURS)
    legend = f"Lines: {', '.join(f'{escape(name)} ({next(colours)})' for name in lines)}."
    return _titled(curve.title, "\n".join(chart) + f"\n\n{legend}")


def _mermaid_text(text: str) -> str:
    known = " ".join(UNKNOWN_TO_MERMAID.sub(" ", text).split())
    return f'"{known[:LONGEST_CELL] or "-"}"'


def _axis(low: float, high: float) -> str:
    digits = _digits(low, high)
    return f"{_plain(low, digits)} --> {_plain(high, digits)}"


def _digits(low: float, high: float) -> int:
    """Return six, or as many as it takes to tell the ends of an axis apart; words.MOST_DIGITS tell any two floats."""
    return next(
        (count for count in range(6, words.MOST_DIGITS) if _plain(low, count) != _plain(high, count)),
        words.MOST_DIGITS,
    )


def _plain(number: float, digits: int) -> str:
    """Return the number without an exponent, which Mermaid does not read."""
    return f"{Decimal(f'{number:.{digits}g}'):f}"


def _receipt(receipt: Receipt) -> str:
    done = [f"- [x] {escape(done.what)}: {escape(done.result)}" for done in receipt.done]
    done += [f"- [ ] {escape(what)}" for what in receipt.not_done]
    if receipt.problem:
        done.append(f"\n**Stopped:** {escape(receipt.problem)}")
    done += [f"\n**To finish:**\n\n{_block(cure)}" for cure in receipt.cures]
    planned = [f"- {escape(what)}" for what in receipt.planned]
    parts = {"What was done": done, "What would be done": planned}
    return "\n\n".join(_titled(title, "\n".join(lines)) for title, lines in parts.items() if lines)
