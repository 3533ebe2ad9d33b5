"""What is measured, and which way is good."""

import difflib
from dataclasses import dataclass
from enum import StrEnum

from ml_cicd.errors import InputError


class Direction(StrEnum):
    """Which way is good."""

    HIGHER = "higher_is_better"
    LOWER = "lower_is_better"


class Kind(StrEnum):
    """What a value of the metric is, and so which interval it can have."""

    PROPORTION = "proportion"
    RATIO = "ratio"
    QUANTILE = "quantile"
    NUMBER = "number"


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric of the catalogue. `quantile` is set for quantiles of a column."""

    name: str
    direction: Direction
    kind: Kind
    unit: str = ""
    quantile: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether values lie in [0, 1]."""
        return self.kind in {Kind.PROPORTION, Kind.RATIO}


def _latency(name: str, quantile: float) -> Metric:
    return Metric(name=name, direction=Direction.LOWER, kind=Kind.QUANTILE, unit="ms", quantile=quantile)


CATALOGUE: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(name="accuracy", direction=Direction.HIGHER, kind=Kind.PROPORTION),
        Metric(name="precision", direction=Direction.HIGHER, kind=Kind.RATIO),
        Metric(name="recall", direction=Direction.HIGHER, kind=Kind.RATIO),
        Metric(name="f1_score", direction=Direction.HIGHER, kind=Kind.RATIO),
        _latency("latency_p50_ms", 0.50),
        _latency("latency_p95_ms", 0.95),
        _latency("latency_p99_ms", 0.99),
    )
}


def lookup(name: str, direction: Direction | None = None) -> Metric:
    """Return the metric called `name`; one outside the catalogue must say its direction.

    Raises:
        InputError: unknown and without a direction, or a direction that contradicts the catalogue.
    """
    known = CATALOGUE.get(name)
    if known is not None:
        if direction not in {None, known.direction}:
            raise InputError(f"Metric {name!r} is {known.direction}, not {direction}.", cure="Remove the direction.")
        return known
    if direction is None:
        close = difflib.get_close_matches(name, CATALOGUE, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(CATALOGUE)}."
        raise InputError(
            f"Metric {name!r} is not in the catalogue, so its direction is not known.",
            cure=f"{hint} For a metric of your own, write at_least or at_most.",
        )
    return Metric(name=name, direction=direction, kind=Kind.NUMBER)
