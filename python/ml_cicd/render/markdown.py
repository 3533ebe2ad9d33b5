"""A report as GitHub Markdown, with all that comes from outside escaped: no HTML, no mention, no link."""

import re
from collections.abc import Sequence

from ml_cicd.domain.operation import Receipt
from ml_cicd.domain.report import Report, Table
from ml_cicd.domain.verdict import Verdict
from ml_cicd.render import picture, words

LONGEST_CELL = 500
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$])")


def to_markdown(report: Report) -> str:
    """Return the summary of a run."""
    parts = [f"## {words.icon(report.exit_code)} {report.command}: {escape(report.headline)}"]
    if report.cure:
        parts.append(f"**What to do:** {escape(report.cure)}")
    if report.verdict is not None:
        parts += [_findings(report.verdict), _bindings(report.verdict)]
    parts += [_table(table) for table in report.tables]
    if report.receipt is not None and (report.receipt.done or report.receipt.not_done):
        parts.append(_receipt(report.receipt))
    if report.notes:
        parts.append("\n".join(f"- {escape(note)}" for note in report.notes))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Make text harmless in a cell or a line: no markup, no HTML, no mention, no line break."""
    flat = " ".join(text.split())
    if len(flat) > LONGEST_CELL:
        flat = flat[: LONGEST_CELL - 1] + "…"
    marked = SPECIAL.sub(r"\\\1", flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return marked.replace("@", "@\u200b").replace("://", ":\u200b//")


def _grid(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [" | ".join(header), " | ".join("---" for _ in header), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _findings(verdict: Verdict) -> str:
    rows = [
        (
            f"{words.MARKS[f.outcome]} {words.severity_mark(f)}",
            escape(f.rule),
            escape(f.demand),
            escape(words.estimate(f)),
            words.rows(f),
            f"`{picture.interval(f)}`" if picture.interval(f) else "",
            escape(f.reason),
        )
        for f in verdict.findings
    ]
    return _grid(("outcome", "rule", "demand", "estimate [bounds]", "rows", picture.LEGEND, "why"), rows)


def _bindings(verdict: Verdict) -> str:
    bound = {"model": verdict.bindings.model, "policy": verdict.bindings.policy, "commit": verdict.bindings.commit}
    lines = [f"- {name}: `{value}`" for name, value in bound.items() if value]
    lines += [f"- {escape(name)}: `{value}`" for name, value in sorted(verdict.bindings.data.items())]
    inner = "\n".join([*lines, f"- verdict: `{verdict.digest}`"])
    return f"<details><summary>What this verdict is bound to</summary>\n\n{inner}\n\n</details>"


def _table(table: Table) -> str:
    header = tuple(map(escape, table.header))
    return f"### {escape(table.title)}\n\n" + _grid(header, [tuple(map(escape, row)) for row in table.rows])


def _receipt(receipt: Receipt) -> str:
    lines = [f"- [x] {escape(done.what)}: {escape(done.result)}" for done in receipt.done]
    lines += [f"- [ ] {escape(what)}" for what in receipt.not_done]
    if receipt.problem:
        lines.append(f"\n**Stopped:** {escape(receipt.problem)}")
    lines += [f"\n**To finish:** `{cure}`" for cure in receipt.cures]
    return "### What was done\n\n" + "\n".join(lines)
