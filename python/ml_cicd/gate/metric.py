"""What is measured, and which way is good: a metric is one record that says all of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, assert_never

from ml_cicd.gate.samples import Sample
from ml_cicd.gate.statistics import Absence, GivenNeed, Need
from ml_cicd.ground.errors import Defect
from ml_cicd.ground.finding import Scope

NeedsAt: TypeAlias = Callable[[float], tuple[Need, ...]]  # one-sided confidence -> what is to be counted
SampleOf: TypeAlias = Callable[..., Sample | Absence]  # what was counted, in the order of the needs


class Direction(StrEnum):
    """Which way is good."""

    HIGHER = "higher_is_better"
    LOWER = "lower_is_better"


def exact(number: float) -> str:
    """Return the shortest text that reads back as this number; never a rounded one."""
    return repr(float(number)).removesuffix(".0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """The values that a metric can have; `words` say what such a value is."""

    low: float = -math.inf
    high: float = math.inf
    words: str = "any number"

    def __post_init__(self) -> None:
        """Refuse a range without values."""
        if not self.low < self.high:
            raise Defect(f"{self} is no range.")

    @property
    def width(self) -> float:
        """Largest difference of two values."""
        return self.high - self.low

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def fault(self, value: float) -> str:
        """Say where a value is that the metric cannot have."""
        if math.isinf(self.high) and self.low == 0:
            return f"{exact(value)} is negative"
        return f"{exact(value)} is outside {exact(self.low)} to {exact(self.high)}"


ANY = Range()
SHARE = Range(low=0, high=1, words="a share, not percent")
TIME = Range(low=0, words="a time, never negative")


def _given(_confidence: float) -> tuple[Need, ...]:
    return (GivenNeed(),)


def _as_given(sample: Sample) -> Sample:
    return sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """From statistics to a sample. The default is a value that only somebody else can compute."""

    needs: NeedsAt = _given
    sample: SampleOf = _as_given


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        needs: what is to be counted for its value.
        sample: the value with what bounds it, made of that.
        change: the same for its comparison with the champion; None where it cannot be compared.
        by_rows: whether it is a share of all rows, so that a number of rows alone bounds it.
    """

    name: str
    direction: Direction
    range: Range = ANY
    unit: str = ""
    needs: NeedsAt = _given
    sample: SampleOf = _as_given
    change: Recipe | None = None
    by_rows: bool = True

    def recipe(self, scope: Scope) -> Recipe | None:
        """Return how it is measured, None where it cannot be."""
        match scope:
            case Scope.VALUE:
                return Recipe(needs=self.needs, sample=self.sample)
            case Scope.CHANGE:
                return self.change
            case _:
                assert_never(scope)
