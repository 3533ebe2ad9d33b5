"""Sufficient statistics: all that a decision needs to know of one metric on one slice."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from ml_cicd.errors import EvidenceError


def _finite(owner: object, **numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise EvidenceError(
                f"{type(owner).__name__}.{name} is {number}.", cure="Find out why the metric could not be computed."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Proportion:
    """`successes` of `n` independent rows. Both may be fractional: an effective sample size (Korn & Graubard 1998)."""

    successes: float
    n: float

    def __post_init__(self) -> None:
        """Refuse numbers that no count can be."""
        _finite(self, successes=self.successes, n=self.n)
        if not 0 <= self.successes <= self.n or self.n <= 0:
            raise EvidenceError(f"{self.successes} of {self.n} rows is not a proportion.", cure="Check the evaluation.")

    @property
    def value(self) -> float:
        """Point estimate."""
        return self.successes / self.n


@dataclass(frozen=True, kw_only=True, slots=True)
class FScore:
    """Counts of a two-class problem: true positives, false positives, false negatives."""

    true_positives: int
    false_positives: int
    false_negatives: int

    def __post_init__(self) -> None:
        """Refuse a score over no row."""
        if min(self.true_positives, self.false_positives, self.false_negatives) < 0 or self.n <= 0:
            raise EvidenceError("F1 has no positive row to judge.", cure="Check labels and predictions.")

    @property
    def n(self) -> int:
        """Rows that are positive by label or by prediction."""
        return self.true_positives + self.false_positives + self.false_negatives

    @property
    def value(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return 2 * self.true_positives / (self.true_positives + self.n)


@dataclass(frozen=True, kw_only=True, slots=True)
class Average:
    """An average over classes of `n` rows, as precise as a proportion of `effective_n` rows (Korn & Graubard 1998).

    `sparse` says why no bound can be given, e.g. a class of two rows; empty where one can.
    """

    value: float
    effective_n: float
    n: int
    sparse: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers that no average can be."""
        _finite(self, value=self.value, effective_n=self.effective_n)
        if not 0 <= self.value <= 1 or self.effective_n <= 0 or self.n <= 0:
            raise EvidenceError(f"{self} is not an average of shares.", cure="Check the evaluation.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """The same `n` rows judged by both models: how often exactly one of them is right."""

    only_candidate: int
    only_champion: int
    n: int

    def __post_init__(self) -> None:
        """Refuse counts that do not add up."""
        if (
            min(self.only_candidate, self.only_champion) < 0
            or not 0 < self.n >= self.only_candidate + self.only_champion
        ):
            raise EvidenceError("Paired counts do not add up.", cure="Check the evaluation.")

    @property
    def value(self) -> float:
        """Candidate's proportion minus the champion's."""
        return (self.only_candidate - self.only_champion) / self.n


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantile:
    """A quantile of a column with the order statistics that bound it, each at one-sided level 1 - `confidence`.

    `lower` or `upper` is None where the table has too few rows for any order statistic to be a bound.
    """

    value: float
    lower: float | None
    upper: float | None
    quantile: float
    n: int
    confidence: float

    def __post_init__(self) -> None:
        """Refuse NaN."""
        _finite(self, value=self.value, lower=self.lower, upper=self.upper)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its standard error, from outside."""

    value: float
    standard_error: float

    def __post_init__(self) -> None:
        """Refuse NaN and a spread that is none."""
        _finite(self, value=self.value, standard_error=self.standard_error)
        if self.standard_error < 0:
            raise EvidenceError(f"Standard error {self.standard_error} is negative.", cure="Check the evaluation.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A value with bounds that somebody else computed; taken as they are."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse NaN and bounds on the wrong side."""
        _finite(self, value=self.value, low=self.low, high=self.high)
        if not self.low <= self.value <= self.high:
            raise EvidenceError(f"{self.value} is outside [{self.low}, {self.high}].", cure="Check the evaluation.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A bare number: judged as a point, and the finding says so."""

    value: float

    def __post_init__(self) -> None:
        """Refuse NaN."""
        _finite(self, value=self.value)


Sample: TypeAlias = Proportion | FScore | Average | Paired | Quantile | Estimate | Interval | Point
