"""Numbers as one line to look at: where the bounds lie and where the limit is, or how a curve runs."""

from collections.abc import Sequence

from ml_cicd.ground.finding import Finding

WIDTH = 21
LEGEND = "│ limit, ├─●─┤ bounds"
LEVELS = "▁▂▃▄▅▆▇█"
# The same for a terminal that knows ASCII alone: one for one, so that columns stay.
PLAINLY = str.maketrans("│├─●┤┼·◄►" + LEVELS, "|[-o]+.<>" + "_.:-=+*#")
Points = Sequence[tuple[float, float]]


def interval(finding: Finding) -> str:
    """Return e.g. `·│·····├───●──┤·····`; empty where there is nothing to draw.

    The scale runs from the smallest to the largest of estimate, bounds and limit. An arrow is a side without a bound.
    """
    if finding.value is None or finding.limit is None:
        return ""
    lower = finding.value if finding.lower is None else finding.lower
    upper = finding.value if finding.upper is None else finding.upper
    shown = (finding.value, lower, upper, finding.limit)
    low, high = min(shown), max(shown)

    def place(number: float) -> int:
        return 1 + round((WIDTH - 3) * _part(number, low, high))

    cells = ["·"] * WIDTH
    left = 0 if finding.lower is None else place(lower)
    right = WIDTH - 1 if finding.upper is None else place(upper)
    if left < right and not finding.point:
        cells[left : right + 1] = "─" * (right - left + 1)
        cells[left] = "◄" if finding.lower is None else "├"
        cells[right] = "►" if finding.upper is None else "┤"
    cells[place(finding.value)] = "●"
    at = place(finding.limit)
    cells[at] = "┼" if cells[at] in "├─┤●" else "│"
    return "".join(cells)


def sparkline(heights: Sequence[float], low: float, high: float) -> str:
    """Return one block a height, between the lowest block at `low` and the highest at `high`."""
    return "".join(LEVELS[round((len(LEVELS) - 1) * _part(height, low, high))] for height in heights)


def heights(points: Points, start: float, end: float, count: int) -> list[float]:
    """Return y at `count` evenly spaced x from `start` to `end`, on straight lines between the points."""
    parts = [index / max(count - 1, 1) for index in range(count)]
    return [_height(points, min(_between(start, end, part), end)) for part in parts]


def _height(points: Points, x: float) -> float:
    after = next((i for i, point in enumerate(points) if point[0] >= x), len(points) - 1)
    (x1, y1), (x2, y2) = points[max(after - 1, 0)], points[after]
    return y2 if x >= x2 else _between(y1, y2, _part(x, x1, x2))


# Both halve first: the difference of two floats may be more than the largest float.
def _part(number: float, low: float, high: float) -> float:
    """Where a number lies between two others, 0 to 1."""
    span = high / 2 - low / 2
    return (number / 2 - low / 2) / span if span else 0.0


def _between(low: float, high: float, part: float) -> float:
    return 2 * (low / 2 + part * (high / 2 - low / 2))
