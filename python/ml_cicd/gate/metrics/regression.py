"""Metrics of numbers that are predicted. A model in memory is measured; of a table, nobody counts them yet."""

from ml_cicd.gate.metric import Direction, Metric, Range
from ml_cicd.gate.samples import Sample
from ml_cicd.gate.statistics import ErrorsNeed, Need

ERROR = Range(low=0, words="an error, never negative")


def _errors(_confidence: float) -> tuple[Need, ...]:
    return (ErrorsNeed(),)


def _mean(errors: Sample) -> Sample:
    return errors


METRICS = (
    Metric(
        name="mean_absolute_error",
        direction=Direction.LOWER,
        range=ERROR,
        needs=_errors,
        sample=_mean,
        by_rows=False,
    ),
)
