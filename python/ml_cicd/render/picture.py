"""A finding as one line to look at: where the bounds lie, and where the limit is."""

from ml_cicd.domain.verdict import Finding

WIDTH = 21
LEGEND = "│ limit, ├─●─┤ bounds"


def interval(finding: Finding) -> str:
    """Return e.g. `·│·····├───●──┤·····`; empty where there is nothing to draw.

    The scale runs from the smallest to the largest of estimate, bounds and limit. An arrow is a side without a bound.
    """
    if finding.value is None or finding.limit is None:
        return ""
    lower = finding.value if finding.lower is None else finding.lower
    upper = finding.value if finding.upper is None else finding.upper
    low, high = min(lower, finding.limit), max(upper, finding.limit)
    span = (high - low) or 1.0

    def place(number: float) -> int:
        return 1 + round((WIDTH - 3) * (number - low) / span)

    cells = ["·"] * WIDTH
    left = 0 if finding.lower is None else place(lower)
    right = WIDTH - 1 if finding.upper is None else place(upper)
    if left < right:
        cells[left : right + 1] = "─" * (right - left + 1)
        cells[left] = "◄" if finding.lower is None else "├"
        cells[right] = "►" if finding.upper is None else "┤"
    cells[place(finding.value)] = "●"
    at = place(finding.limit)
    cells[at] = "┼" if cells[at] in "├─┤●" else "│"
    return "".join(cells)
