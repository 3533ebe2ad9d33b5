"""A mean error's bounds hold their level, also where a few errors are much larger than the rest."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ml_cicd.gate.engines.answers import Column, Kind
from ml_cicd.gate.engines.tally import Tally
from ml_cicd.gate.mean import Mean

RUNS = 2000
ALPHA = 0.05
NOISE = 4 * (ALPHA * (1 - ALPHA) / RUNS) ** 0.5


def misses(draw: Callable[[Any, int], Any], truth: float, rows: int) -> tuple[float, float]:
    """Return how often the mean lies above the upper bound, and below the lower."""
    rng, above, below = np.random.default_rng(20261125), 0, 0
    for _ in range(RUNS):
        tally = Tally()
        errors = draw(rng, rows)
        tally.add(
            Column(kind=Kind.CLASSES, values=errors),
            Column(kind=Kind.SCORES, values=np.zeros(rows)),
        )
        sample = tally.errors()
        assert isinstance(sample, Mean)
        judged = sample.bounded(ALPHA)
        assert judged.lower is not None
        assert judged.upper is not None
        above += truth > judged.upper
        below += truth < judged.lower
    return above / RUNS, below / RUNS


@pytest.mark.parametrize(
    ("draw", "truth", "rows"),
    [
        (lambda rng, n: np.abs(rng.normal(size=n)), (2 / np.pi) ** 0.5, 30),
        (lambda rng, n: np.abs(rng.normal(size=n)), (2 / np.pi) ** 0.5, 300),
        (lambda rng, n: rng.exponential(size=n), 1.0, 300),
        (lambda rng, n: rng.uniform(size=n), 0.5, 30),
    ],
    ids=["normal, 30 rows", "normal, 300 rows", "exponential, 300 rows", "uniform, 30 rows"],
)
def test_bounds_hold_their_level(draw: Any, truth: float, rows: int) -> None:
    """One-sided, five in a hundred on each side, but for four standard errors of the simulation."""
    assert max(misses(draw, truth, rows)) <= ALPHA + NOISE
