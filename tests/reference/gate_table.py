"""A prediction table made by formula, so that no data file is needed: 1,000 rows with many ties.

Reference values for it come from scikit-learn 1.9.1 and SciPy 1.17.
"""

from dataclasses import dataclass
from pathlib import Path

ROWS = 1000
CUT = 0.5


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row; `champion` is the champion's prediction."""

    label: int
    prediction: int
    champion: int
    latency_ms: float


def rows() -> list[Row]:
    """Return all rows in order."""
    return [_row(i) for i in range(ROWS)]


def _row(i: int) -> Row:
    latent = (i * 7919 + 104729) % 10007 / 10007
    score = round(0.1 + 0.7 * latent + 0.2 * (((i * 3571 + 7) % 4999) / 4999), 2)
    champion = round(0.1 + 0.5 * latent + 0.4 * (((i * 2741 + 3) % 4993) / 4993), 2)
    return Row(
        label=int(((i * 6151 + 31) % 9973) / 9973 < 0.15 + 0.6 * latent),
        prediction=int(score >= CUT),
        champion=int(champion >= CUT),
        latency_ms=float((i * 7919 + 13) % 1009 + 1),
    )


def write_csv(path: Path, *, champion: bool) -> str:
    """Write the candidate's or the champion's table and return its path."""
    lines = ["label,prediction,latency_ms"]
    lines += [f"{r.label},{r.champion if champion else r.prediction},{r.latency_ms}" for r in rows()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)
