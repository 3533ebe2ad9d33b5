"""From counts and sorted values to samples: the arithmetic that a table in DuckDB and arrays in memory share."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ml_cicd.domain.metric import CATALOGUE, Kind
from ml_cicd.domain.sample import Average, FScore, Proportion, Quantile, Sample
from ml_cicd.stats.intervals import order_statistic_ranks
from ml_cicd.stats.macro import MacroKind, macro_estimate

Label: TypeAlias = int | float | str | bool
Confusion: TypeAlias = Mapping[tuple[Label, Label], int]
CLASSIFICATION = ("accuracy", "precision", "recall", "f1_score")
BINARY = ({0, 1}, {-1, 1})
LEAST_ROWS = 5  # with fewer, bounds of the average do not hold their level (tests/statistics)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """Samples by metric name, and for each metric that could not be measured the reason."""

    samples: Mapping[str, Sample]
    absent: Mapping[str, str]


def count_classification(confusion: Confusion, wanted: Iterable[str]) -> Counted:
    """Return the wanted classification metrics of {(label, prediction): rows}.

    Two classes written as false/true, 0/1 or -1/1: precision, recall and F1 of the class true or 1.
    Anything else: their macro average over all classes.
    """
    samples: dict[str, Sample] = {}
    absent: dict[str, str] = {}
    classes = {c for pair in confusion for c in pair}
    binary = all(not isinstance(c, str) for c in classes) and any(classes <= known for known in BINARY)
    for name in wanted:
        if name == "accuracy":
            hits = sum(n for (label, prediction), n in confusion.items() if label == prediction)
            samples[name] = Proportion(successes=hits, n=sum(confusion.values()))
        elif binary:
            _binary(name, confusion, samples, absent)
        else:
            samples[name] = _macro(name, confusion, classes)
    return Counted(samples=samples, absent=absent)


def _binary(name: str, confusion: Confusion, samples: dict[str, Sample], absent: dict[str, str]) -> None:
    hits = confusion.get((1, 1), 0)
    false_alarms = sum(n for (label, prediction), n in confusion.items() if prediction == 1 and label != 1)
    misses = sum(n for (label, prediction), n in confusion.items() if label == 1 and prediction != 1)
    if name == "precision" and hits + false_alarms:
        samples[name] = Proportion(successes=hits, n=hits + false_alarms)
    elif name == "recall" and hits + misses:
        samples[name] = Proportion(successes=hits, n=hits + misses)
    elif name == "f1_score" and hits + false_alarms + misses:
        samples[name] = FScore(true_positives=hits, false_positives=false_alarms, false_negatives=misses)
    else:
        absent[name] = {
            "precision": "no row is predicted positive",
            "recall": "no row has the positive label",
            "f1_score": "no row is positive by label or prediction",
        }[name]


def _macro(name: str, confusion: Confusion, classes: set[Label]) -> Average:
    order = sorted(classes, key=lambda c: (str(type(c)), c))
    table = [[confusion.get((label, prediction), 0) for prediction in order] for label in order]
    estimate = macro_estimate(table, MacroKind(name))
    sparse = _sparse(order, [sum(row) for row in table])
    return Average(value=estimate.value, effective_n=estimate.effective_n, n=estimate.n, sparse=sparse)


def _sparse(classes: Sequence[Label], rows: Sequence[int]) -> str:
    """Say why no bound of an average over these classes can be trusted: a class that was seen too rarely."""
    if len(classes) == 1:
        return f"all rows are of one class, {classes[0]!r}, so nothing is known of the others"
    fewest = min(range(len(rows)), key=rows.__getitem__)
    if rows[fewest] >= LEAST_ROWS:
        return ""
    return f"class {classes[fewest]!r} has {rows[fewest]} rows, and an average over classes needs {LEAST_ROWS} of each"


def latency_names(wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the wanted metrics that are quantiles of a column."""
    return tuple(sorted(name for name in wanted if name in CATALOGUE and CATALOGUE[name].kind is Kind.QUANTILE))


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantilePlan:
    """Which order statistics (1-based ranks) a quantile of `n` values needs."""

    quantile: float
    n: int
    confidence: float
    lower: int | None
    upper: int | None

    @property
    def position(self) -> float:
        """Place of the quantile among ranks 1..n, by linear interpolation (NumPy's default)."""
        return (self.n - 1) * self.quantile + 1

    @property
    def ranks(self) -> frozenset[int]:
        """All ranks to fetch."""
        found = {math.floor(self.position), math.ceil(self.position), self.lower, self.upper}
        return frozenset(rank for rank in found if rank is not None)

    def sample(self, value_at: Callable[[int], float]) -> Quantile:
        """Build the sample from the values at its ranks."""
        low, high = value_at(math.floor(self.position)), value_at(math.ceil(self.position))
        return Quantile(
            value=low + (high - low) * (self.position - math.floor(self.position)),
            lower=None if self.lower is None else value_at(self.lower),
            upper=None if self.upper is None else value_at(self.upper),
            quantile=self.quantile,
            n=self.n,
            confidence=self.confidence,
        )


def plan_quantile(name: str, n: int, confidence: float) -> QuantilePlan:
    """Return what a quantile metric of the catalogue needs from `n` values."""
    quantile = CATALOGUE[name].quantile or 0.5
    lower, upper = order_statistic_ranks(n, quantile, 1 - confidence)
    return QuantilePlan(quantile=quantile, n=n, confidence=confidence, lower=lower, upper=upper)
