"""How numbers and outcomes read, the same on every face. A shown number never lies: 0.9999999 is not 1."""

import math
from collections.abc import Iterator

from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Finding, Outcome, Verdict
from ml_cicd.ground.report import Cell, Report, Table

MARKS = {
    Outcome.PASS: "✅",
    Outcome.FAIL: "❌",
    Outcome.INCONCLUSIVE: "❔",
    Outcome.MISSING: "⛔",
    Outcome.ERROR: "⛔",
}
CHECK = ("check", "found", "what to do")  # columns of a judgement that measures nothing
NONE = "-"
TINY, HUGE = 1e-6, 1e12  # beyond them people cannot count the zeros
MOST_DIGITS = 17  # as many tell any two floats apart


def number(value: float | None, *marks: float) -> str:
    """Return four decimals below ten and two above, or as many as it takes to stay off a mark; a dash for none.

    Marks are 0, 1 and `marks`, e.g. the limit that a finding is held against: what is printed lies on the same side of
    each as the number, and within half a unit of its own last digit.
    """
    if value is None:
        return NONE
    value += 0.0  # minus zero is zero
    sides = [(mark, _side(value, mark)) for mark in (0.0, 1.0, *marks)]
    return next((text for text in _longer_and_longer(value) if _is_true(text, sides)), repr(value))


def cell(value: Cell, unit: str = "") -> str:
    """Return a table's cell: numbers with their unit, a float in its shortest form that does not lie."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    text = f"{value:,}" if isinstance(value, int) else _short(number(value, *_whole(unit)))
    return f"{text} {unit}" if unit else text


def cells(table: Table) -> list[list[str]]:
    """Return a table's rows as people read them."""
    units = [table.units.get(name, "") for name in table.header]
    return [[cell(value, unit) for value, unit in zip(row, units, strict=True)] for row in table.rows]


def measures(verdict: Verdict) -> bool:
    """Whether anything was measured; a list of checks has no demands and no bounds to show."""
    return any(finding.subject is not None for finding in verdict.findings)


def check(finding: Finding) -> tuple[str, str, str]:
    """Return the cells of `CHECK`."""
    return finding.rule, finding.reason, finding.cure


def why(finding: Finding) -> str:
    """Return the reason, and what to do about this finding alone."""
    return f"{finding.reason} {finding.cure}".strip()


def estimate(finding: Finding) -> str:
    """Return value with its bounds and unit."""
    if finding.value is None:
        return NONE
    marks = _whole(finding.unit) + (() if finding.limit is None else (finding.limit,))
    unit = f" {finding.unit}" if finding.unit else ""
    # Equal bounds are bounds: a tied quantile has them, and only a point was judged without.
    if finding.point or (finding.lower is None and finding.upper is None):
        return f"{number(finding.value, *marks)}{unit}"
    low = "-inf" if finding.lower is None else number(finding.lower, *marks)
    high = "inf" if finding.upper is None else number(finding.upper, *marks)
    return f"{number(finding.value, *marks)} [{low}, {high}]{unit}"


def rows(finding: Finding) -> str:
    """Return the number of rows."""
    return NONE if finding.n is None else f"{finding.n:,}"


def severity_mark(finding: Finding) -> str:
    """Return the outcome, and whether it only warns; a check that only warns is a remark."""
    if finding.warns and finding.subject is None:
        return "remark"
    return f"{finding.outcome.value}{' (warns)' if finding.warns else ''}"


def lets_through(report: Report) -> bool:
    """Whether the run went well and some rule did not."""
    return report.exit_code is Exit.DONE and report.verdict is not None and bool(report.verdict.warnings)


def icon(report: Report) -> str:
    """Return one sign for the whole run."""
    if lets_through(report):
        return "⚠️"
    return {Exit.DONE: "✅", Exit.INCONCLUSIVE: "❔", Exit.PARTLY: "⚠️"}.get(report.exit_code, "❌")


def _whole(unit: str) -> tuple[float, ...]:
    """Return the mark of a unit: 99.999 % is not all of it."""
    return (100.0,) if unit == "%" else ()


def _longer_and_longer(value: float) -> Iterator[str]:
    size = abs(value)
    if value and not TINY <= size < HUGE:
        yield from (f"{value:.{digits}e}" for digits in range(4, MOST_DIGITS))
        return
    # Rounded first: 9.99999 would be `10.0000`, which claims digits that no other number above ten shows.
    start = 4 if round(size, 4) < 10 else 2
    yield from (f"{value:,.{digits}f}" for digits in range(start, MOST_DIGITS + 6))


def _short(text: str) -> str:
    mantissa, e, exponent = text.partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + e + exponent


def _is_true(text: str, sides: list[tuple[float, int]]) -> bool:
    read = float(text.replace(",", ""))
    return math.isfinite(read) and all(_side(read, mark) == side for mark, side in sides)


def _side(number_: float, mark: float) -> int:
    return (number_ > mark) - (number_ < mark)
