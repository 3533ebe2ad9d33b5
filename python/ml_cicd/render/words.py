"""How numbers and outcomes read, the same on every face."""

from ml_cicd.domain.verdict import Finding, Outcome
from ml_cicd.errors import Exit

MARKS = {
    Outcome.PASS: "✅",
    Outcome.FAIL: "❌",
    Outcome.INCONCLUSIVE: "❔",
    Outcome.MISSING: "⛔",
    Outcome.ERROR: "⛔",
}


def number(value: float | None) -> str:
    """Return at most five significant digits; a dash for none."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.2f}"


def estimate(finding: Finding) -> str:
    """Return value with its bounds and unit."""
    if finding.value is None:
        return "-"
    unit = f" {finding.unit}" if finding.unit else ""
    if finding.lower == finding.upper:
        return f"{number(finding.value)}{unit}"
    low = "-inf" if finding.lower is None else number(finding.lower)
    high = "inf" if finding.upper is None else number(finding.upper)
    return f"{number(finding.value)} [{low}, {high}]{unit}"


def rows(finding: Finding) -> str:
    """Return the number of rows."""
    return "-" if finding.n is None else f"{finding.n:,}"


def severity_mark(finding: Finding) -> str:
    """Return the outcome, and whether it only warns."""
    warns = finding.outcome is not Outcome.PASS and not finding.blocks
    return f"{finding.outcome.value}{' (warns)' if warns else ''}"


def icon(code: Exit) -> str:
    """Return one sign for the whole run."""
    return {Exit.DONE: "✅", Exit.INCONCLUSIVE: "❔", Exit.PARTLY: "⚠️"}.get(code, "❌")
