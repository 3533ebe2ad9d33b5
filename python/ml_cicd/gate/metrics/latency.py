"""Quantiles of the time that a prediction takes."""

import math

from ml_cicd.gate.metric import TIME, Direction, Metric
from ml_cicd.gate.samples import Quantile
from ml_cicd.gate.settings import Role
from ml_cicd.gate.statistics import OrderStatistics, QuantileNeed


def _quantile(found: OrderStatistics) -> Quantile:
    ranks, values = found.ranks, found.values
    low, high = values[math.floor(ranks.position)], values[math.ceil(ranks.position)]
    return Quantile(
        value=low + (high - low) * (ranks.position - math.floor(ranks.position)),
        lower=None if ranks.lower is None else values[ranks.lower],
        upper=None if ranks.upper is None else values[ranks.upper],
        quantile=ranks.need.quantile,
        n=ranks.n,
        confidence=ranks.need.confidence,
    )


def _latency(name: str, quantile: float) -> Metric:
    return Metric(
        name=name,
        direction=Direction.LOWER,
        range=TIME,
        unit="ms",
        needs=lambda confidence: (QuantileNeed(role=Role.LATENCY_MS, quantile=quantile, confidence=confidence),),
        sample=_quantile,
        by_rows=False,
    )


METRICS = (
    _latency("latency_p50_ms", 0.50),
    _latency("latency_p95_ms", 0.95),
    _latency("latency_p99_ms", 0.99),
)
