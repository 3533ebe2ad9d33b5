"""What an engine counts, and the needs that ask for it.

Counts are integers, and those of parts of a table add up; only order statistics must see all rows at once. The
arithmetic stands here once, for tables in a database and arrays in memory alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ml_cicd.gate.samples import Sample
from ml_cicd.gate.settings import Role
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.stats.intervals import order_statistic_ranks

Label: TypeAlias = int | float | str | bool
BINARY = ({0, 1}, {-1, 1})


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfusionNeed:
    """Rows by label and prediction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantileNeed:
    """The order statistics of a column that give a quantile and bound it, each at this one-sided confidence."""

    role: Role
    quantile: float
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PairsNeed:
    """On how many of the same rows exactly one of candidate and champion is right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorsNeed:
    """The mean of the absolute differences between numbers and their predictions, with its standard error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenNeed:
    """A value that nothing here can compute: somebody must give it."""


Need: TypeAlias = ConfusionNeed | QuantileNeed | PairsNeed | ErrorsNeed | GivenNeed


@dataclass(frozen=True, kw_only=True, slots=True)
class Absence:
    """What could not be measured, and why, as the end of a sentence."""

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Positives:
    """Rows of the positive class of this name: found, predicted wrongly, missed."""

    name: str
    hits: int
    false_alarms: int
    misses: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """Rows by (label, prediction); `positive` is the class that somebody named as the positive one."""

    cells: Mapping[tuple[Label, Label], int]
    positive: Label | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot have been counted."""
        if not self.cells or min(self.cells.values()) < 0 or self.n == 0:
            raise EvidenceError("No row was counted.", cure="Check the evaluation.")

    @property
    def n(self) -> int:
        """All rows."""
        return sum(self.cells.values())

    @property
    def hits(self) -> int:
        """Rows whose prediction is their label."""
        return sum(rows for (label, prediction), rows in self.cells.items() if label == prediction)

    @property
    def classes(self) -> tuple[Label, ...]:
        """Classes seen in labels or predictions, in a fixed order."""
        return tuple(sorted({c for pair in self.cells for c in pair}, key=lambda c: (str(type(c)), c)))

    @property
    def table(self) -> list[list[int]]:
        """Rows by label, columns by prediction, both in the order of `classes`."""
        order = self.classes
        return [[self.cells.get((label, prediction), 0) for prediction in order] for label in order]

    @property
    def positive_class(self) -> Label | None:
        """The class that was named, else true or 1 where the classes are false/true, 0/1 or -1/1; None for any other.

        It is never guessed: of `spam` and `ham`, or 1 and 2, nobody but the user knows it.
        """
        if self.positive is not None:
            return self.positive
        classes = set(self.classes)
        if any(isinstance(c, str) for c in classes) or not any(classes <= known for known in BINARY):
            return None
        return True if all(isinstance(c, bool) for c in classes) else 1

    @property
    def positives(self) -> Positives | None:
        """The rows of the positive class; None where there is none."""
        one = self.positive_class
        if one is None:
            return None
        return Positives(
            name=str(one).lower() if isinstance(one, bool) else str(one),
            hits=self.cells.get((one, one), 0),
            false_alarms=sum(n for (label, prediction), n in self.cells.items() if prediction == one and label != one),
            misses=sum(n for (label, prediction), n in self.cells.items() if label == one and prediction != one),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """Which order statistics (1-based ranks) a quantile of `n` values needs; `lower` and `upper` bound it."""

    need: QuantileNeed
    n: int
    lower: int | None
    upper: int | None

    @property
    def position(self) -> float:
        """Place of the quantile among ranks 1..n, by linear interpolation (NumPy's default)."""
        return (self.n - 1) * self.need.quantile + 1

    @property
    def wanted(self) -> frozenset[int]:
        """All ranks to fetch."""
        found = {math.floor(self.position), math.ceil(self.position), self.lower, self.upper}
        return frozenset(rank for rank in found if rank is not None)


def ranks_of(need: QuantileNeed, n: int) -> Ranks:
    """Return the ranks that a need has among `n` values."""
    lower, upper = order_statistic_ranks(n, need.quantile, 1 - need.confidence)
    return Ranks(need=need, n=n, lower=lower, upper=upper)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderStatistics:
    """The values of a column at these ranks, and perhaps at others."""

    ranks: Ranks
    values: Mapping[int, float]


Statistic: TypeAlias = Confusion | OrderStatistics | Sample  # pairs are counted as the sample that they are


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What was counted for each need, or why it could not be.

    `digests` name what was read for it, `notes` are sentences about how it was read.
    """

    statistics: Mapping[Need, Statistic | Absence]
    digests: Mapping[str, str]
    notes: tuple[str, ...] = ()
