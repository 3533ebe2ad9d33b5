"""A mean of rows that somebody else took, with its standard error and the number of rows."""

import math
from dataclasses import dataclass

from ml_cicd.gate.samples import Judged
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.stats.intervals import MOST_ROWS, Bounds, rows_needed_by_width, student_bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean of `n` independent rows. Of a few rows the standard error is itself a guess, and Student's t knows it.

    `skewness` is that of the rows, where they were seen: bounds of a mean of skewed rows are not as far from it on both
    sides (Hall, The Bootstrap and Edgeworth Expansion, 1992, section 2.6: the first term).
    """

    value: float
    standard_error: float
    n: int
    skewness: float = 0.0

    def __post_init__(self) -> None:
        """Refuse NaN, a spread that is none, and a number of rows that has no spread."""
        if not math.isfinite(self.value) or not 0 <= self.standard_error < math.inf or not 2 <= self.n <= MOST_ROWS:
            raise EvidenceError(
                f"{self.value} with standard error {self.standard_error} of {self.n} rows is no mean.",
                cure="Check the evaluation.",
            )

    def bounded(self, alpha: float) -> Judged:
        """Return Student's bounds, moved to where rows are sparse.

        Raises:
            EvidenceError: a bound is beyond the largest number.
        """
        bounds = student_bounds(self.value, self.standard_error, self.n, alpha)
        if not math.isfinite(bounds.upper - bounds.lower):
            raise EvidenceError(f"{self} has no bounds.", cure="Check the evaluation.")

        if self.skewness and self.standard_error:
            bounds = self._moved(bounds)

        def needed(limit: float) -> int | None:
            return rows_needed_by_width(self.n, self.value, bounds.upper, limit)

        return Judged(value=self.value, lower=bounds.lower, upper=bounds.upper, n=self.n, how=self._how, needed=needed)

    @property
    def _how(self) -> str:
        return "Student's t, moved for skewness" if self.skewness else "Student's t"

    def _moved(self, bounds: Bounds) -> Bounds:
        t = (bounds.upper - self.value) / self.standard_error
        by = self.standard_error * self.skewness * (1 + 2 * t * t) / (6 * math.sqrt(self.n))
        return Bounds(bounds.lower + by, bounds.upper + by)
