"""A mean of rows that somebody else took, with its standard error and the number of rows."""

import math
from dataclasses import dataclass

from ml_cicd.gate.samples import Judged
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.stats.intervals import MOST_ROWS, rows_needed_by_width, student_bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean of `n` independent rows. Of a few rows the standard error is itself a guess, and Student's t knows it."""

    value: float
    standard_error: float
    n: int

    def __post_init__(self) -> None:
        """Refuse NaN, a spread that is none, and a number of rows that has no spread."""
        if not math.isfinite(self.value) or not 0 <= self.standard_error < math.inf or not 2 <= self.n <= MOST_ROWS:
            raise EvidenceError(
                f"{self.value} with standard error {self.standard_error} of {self.n} rows is no mean.",
                cure="Check the evaluation.",
            )

    def bounded(self, alpha: float) -> Judged:
        """Return Student's bounds.

        Raises:
            EvidenceError: a bound is beyond the largest number.
        """
        bounds = student_bounds(self.value, self.standard_error, self.n, alpha)
        if not math.isfinite(bounds.upper - bounds.lower):
            raise EvidenceError(f"{self} has no bounds.", cure="Check the evaluation.")

        def needed(limit: float) -> int | None:
            return rows_needed_by_width(self.n, self.value, bounds.upper, limit)

        return Judged(
            value=self.value, lower=bounds.lower, upper=bounds.upper, n=self.n, how="Student's t", needed=needed
        )
