"""What a bound needs to know of one metric: each sample bounds itself."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ml_cicd.ground.errors import EvidenceError
from ml_cicd.stats.comparison import pairs_needed, tango_bounds
from ml_cicd.stats.intervals import (
    clopper_pearson,
    f_score_bounds,
    normal_bounds,
    order_statistic_ranks,
    rows_needed_by_width,
    rows_needed_proportion,
    smallest,
)

POSITIVE_ROWS = "rows positive by label or prediction"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A value with its one-sided bounds.

    Attributes:
        lower, upper: None where the rows are too few for a bound.
        n: rows; None where they are not known.
        how: the method, for people.
        point: taken as it stands; both bounds are the value.
        needed: about how many rows would settle a limit; None where nobody knows, or no number would.
        counted: what `n` counts.
    """

    value: float
    lower: float | None
    upper: float | None
    n: int | None
    how: str
    point: bool = False
    needed: Callable[[float], int | None] = lambda _limit: None
    counted: str = "rows"


class Sample(Protocol):
    """All that is known of one metric on one slice."""

    def bounded(self, alpha: float) -> Judged:
        """Return the value with one-sided bounds, each wrong with probability at most `alpha`."""


def _led(of: str, how: str) -> str:
    return f"{of}; {how}" if of else how


def _finite(owner: object, **numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise EvidenceError(
                f"{type(owner).__name__}.{name} is {number}.", cure="Find out why the metric could not be computed."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Proportion:
    """`successes` of `n` independent rows. Both may be fractional: an effective sample size (Korn & Graubard 1998).

    `of` says what it is a share of where that was decided for the user, e.g. `recall of 1`, and `counted` which rows.
    """

    successes: float
    n: float
    of: str = ""
    counted: str = "rows"

    def __post_init__(self) -> None:
        """Refuse numbers that no count can be."""
        _finite(self, successes=self.successes, n=self.n)
        if not 0 <= self.successes <= self.n or self.n <= 0:
            raise EvidenceError(f"{self.successes} of {self.n} rows is not a proportion.", cure="Check the evaluation.")

    def bounded(self, alpha: float) -> Judged:
        """Return exact bounds."""
        bounds = clopper_pearson(self.successes, self.n, alpha)
        return Judged(
            value=self.successes / self.n,
            lower=bounds.lower,
            upper=bounds.upper,
            n=int(self.n),
            how=_led(self.of, "Clopper-Pearson"),
            needed=lambda limit: rows_needed_proportion(self.successes, self.n, limit, alpha),
            counted=self.counted,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FScore:
    """Counts of a two-class problem: true positives, false positives, false negatives; `of` as in `Proportion`."""

    true_positives: int
    false_positives: int
    false_negatives: int
    of: str = ""

    def __post_init__(self) -> None:
        """Refuse a score over no row."""
        if min(self.true_positives, self.false_positives, self.false_negatives) < 0 or self.n <= 0:
            raise EvidenceError("F1 has no positive row to judge.", cure="Check labels and predictions.")

    @property
    def n(self) -> int:
        """Rows that are positive by label or by prediction."""
        return self.true_positives + self.false_positives + self.false_negatives

    def bounded(self, alpha: float) -> Judged:
        """Return 2 TP / (2 TP + FP + FN) with exact bounds."""
        bounds = f_score_bounds(self.true_positives, self.false_positives + self.false_negatives, alpha)

        def needed(limit: float) -> int | None:
            # F1 = 2J / (1 + J) turned round: J is a proportion of the positive rows, and rows are needed for that one.
            return rows_needed_proportion(self.true_positives, self.n, limit / (2 - limit), alpha)

        return Judged(
            value=2 * self.true_positives / (self.true_positives + self.n),
            lower=bounds.lower,
            upper=bounds.upper,
            n=self.n,
            how=_led(self.of, f"exact, over {POSITIVE_ROWS}"),
            needed=needed,
            counted=POSITIVE_ROWS,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Average:
    """An average over classes of `n` rows, as precise as a proportion of `effective_n` rows (Korn & Graubard 1998).

    `sparse` says why no bound can be given, e.g. a class of two rows; empty where one can. `of` as in `Proportion`.
    """

    value: float
    effective_n: float
    n: int
    sparse: str = ""
    of: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers that no average can be."""
        _finite(self, value=self.value, effective_n=self.effective_n)
        if not 0 <= self.value <= 1 or self.effective_n <= 0 or self.n <= 0:
            raise EvidenceError(f"{self} is not an average of shares.", cure="Check the evaluation.")

    def bounded(self, alpha: float) -> Judged:
        """Return bounds at the effective sample size, where there can be any."""
        if self.sparse:
            return Judged(value=self.value, lower=None, upper=None, n=self.n, how=_led(self.of, self.sparse))
        hits, size = self.value * self.effective_n, self.effective_n
        bounds = clopper_pearson(hits, size, alpha)

        def needed(limit: float) -> int | None:
            rows = rows_needed_proportion(hits, size, limit, alpha)
            return None if rows is None else math.ceil(rows * self.n / size)

        how = _led(self.of, "Clopper-Pearson at the effective sample size")
        return Judged(value=self.value, lower=bounds.lower, upper=bounds.upper, n=self.n, how=how, needed=needed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """The same `n` rows judged by both models: how often exactly one of them is right."""

    only_candidate: int
    only_champion: int
    n: int

    def __post_init__(self) -> None:
        """Refuse counts that do not add up."""
        alone = (self.only_candidate, self.only_champion)
        if min(alone) < 0 or not 0 < self.n >= sum(alone):
            raise EvidenceError("Paired counts do not add up.", cure="Check the evaluation.")

    def bounded(self, alpha: float) -> Judged:
        """Return the candidate's proportion minus the champion's, with score bounds."""
        bounds = tango_bounds(self.only_candidate, self.only_champion, self.n, alpha)
        return Judged(
            value=(self.only_candidate - self.only_champion) / self.n,
            lower=bounds.lower,
            upper=bounds.upper,
            n=self.n,
            how="Tango's score interval on paired rows",
            needed=lambda limit: pairs_needed(self.only_candidate, self.only_champion, self.n, -limit, alpha),
            counted="pairs",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantile:
    """A quantile of a column with the order statistics that bound it, each at one-sided level 1 - `confidence`.

    `lower` or `upper` is None where too few rows have such a bound. Both may be the value itself: of many equal rows.
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

    def bounded(self, alpha: float) -> Judged:
        """Return the bounds that were measured.

        Raises:
            EvidenceError: they were measured for another level.
        """
        if not math.isclose(1 - self.confidence, alpha):  # 1 - 0.95 is not 0.05
            raise EvidenceError(
                "A quantile was bounded at another confidence than the policy's.", cure="Measure it again."
            )
        return Judged(
            value=self.value,
            lower=self.lower,
            upper=self.upper,
            n=self.n,
            how="order statistics",
            needed=lambda limit: self._needed(limit, alpha),
        )

    def _needed(self, limit: float, alpha: float) -> int | None:
        bound = self.upper if self.value <= limit else self.lower
        if bound is not None:
            return rows_needed_by_width(self.n, self.value, bound, limit)
        # No width to go by: all that can be said is from how many rows on there is a bound on that side at all.
        below = self.value <= limit
        return smallest(lambda n: order_statistic_ranks(n, self.quantile, alpha)[below] is not None, self.n)


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

    def bounded(self, alpha: float) -> Judged:
        """Return normal bounds.

        Raises:
            EvidenceError: a bound is beyond the largest number.
        """
        bounds = normal_bounds(self.value, self.standard_error, alpha)
        _finite(self, lower=bounds.lower, upper=bounds.upper)
        return Judged(value=self.value, lower=bounds.lower, upper=bounds.upper, n=None, how="normal bounds")


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

    def bounded(self, alpha: float) -> Judged:  # noqa: ARG002  # somebody else chose it
        """Return the bounds as they were given, whatever their level."""
        return Judged(value=self.value, lower=self.low, upper=self.high, n=None, how="bounds as given")


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A bare number: judged as a point, and the finding says so."""

    value: float
    why: str = "no sample size was given, so chance is not accounted for"

    def __post_init__(self) -> None:
        """Refuse NaN."""
        _finite(self, value=self.value)

    def bounded(self, alpha: float) -> Judged:  # noqa: ARG002  # it has no bounds at any level
        """Return the number as its own bounds."""
        how = f"judged as a point: {self.why}"
        return Judged(value=self.value, lower=self.value, upper=self.value, n=None, how=how, point=True)
