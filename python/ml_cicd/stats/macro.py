"""Macro-averaged precision, recall and F1 over many classes, with an effective sample size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ml_cicd.ground.errors import InputError

Weights: TypeAlias = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassRate:
    """A rate of each class: its hits over a sum of its rows by label and its rows by prediction.

    Attributes:
        denominator: weights of (rows by label, rows by prediction) in that sum.
        support: weights of the two in the rows that the rate was learnt from.
    """

    denominator: Weights
    support: Weights

    def __post_init__(self) -> None:
        """Refuse weights that are no shares."""
        if any(min(pair) < 0 or sum(pair) != 1 for pair in (self.denominator, self.support)):
            raise InputError(f"{self} has weights that are no shares.", cure="Let each pair add up to one.")


PRECISION = ClassRate(denominator=(0, 1), support=(0, 1))
RECALL = ClassRate(denominator=(1, 0), support=(1, 0))
F1 = ClassRate(denominator=(0.5, 0.5), support=(1, 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class MacroEstimate:
    """Macro average in [0, 1] and the number of rows of a plain proportion that would be as precise."""

    value: float
    effective_n: float
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Margins:
    hits: tuple[float, ...]
    actual: tuple[float, ...]
    predicted: tuple[float, ...]

    def weighted(self, weights: Weights) -> tuple[float, ...]:
        by_label, by_prediction = weights
        pairs = zip(self.actual, self.predicted, strict=True)
        return tuple(by_label * a + by_prediction * p for a, p in pairs)


def macro_estimate(confusion: Sequence[Sequence[int]], rate: ClassRate) -> MacroEstimate:
    """Return the macro average of a K x K confusion matrix (rows: label, columns: prediction).

    Classes absent from labels and predictions do not count; 0/0 is 0, as in scikit-learn's `zero_division=0`.
    Variance by the delta method over the multinomial (Takahashi et al. 2022), at counts with half a row of every class
    moved to a wrong cell so that a perfect table is not certain; the effective size is p(1-p)/var, at most the one of
    K classes as different in size as these (K^2 / sum 1/n_k).
    """
    classes = [k for k in range(len(confusion)) if sum(confusion[k]) + sum(row[k] for row in confusion) > 0]
    table = [[float(confusion[i][j]) for j in classes] for i in classes]
    n = int(sum(map(sum, table)))
    value = _value(_margins(table), rate)
    support = _margins(table).weighted(rate.support)
    # A rare class whose few rows happen to be all right or all wrong has hardly any variance in the delta method. So
    # the average is never taken as more precise than one of K independent rates, all equal, from rows like these.
    limit = len(classes) ** 2 / sum(1 / max(s, 0.5) for s in support)
    smooth = _smoothed(table)
    p, variance = _value(_margins(smooth), rate), _variance(smooth, rate)
    effective = min(limit, p * (1 - p) / variance) if variance > 0 else limit
    return MacroEstimate(value=value, effective_n=max(1.0, effective), n=n)


def _margins(table: Sequence[Sequence[float]]) -> _Margins:
    size = range(len(table))
    return _Margins(
        hits=tuple(table[k][k] for k in size),
        actual=tuple(sum(table[k]) for k in size),
        predicted=tuple(sum(row[k] for row in table) for k in size),
    )


def _value(m: _Margins, rate: ClassRate) -> float:
    rates = [h / d if d else 0.0 for h, d in zip(m.hits, m.weighted(rate.denominator), strict=True)]
    return sum(rates) / len(rates)


def _smoothed(table: list[list[float]]) -> list[list[float]]:
    """Move half a row of each class to its neighbour's cell, where a class has no error of its own."""
    size = len(table)
    smooth = [row[:] for row in table]
    for k in range(size):
        # Only flawless classes are touched: their variance would be zero, as if one could be sure of them. The error
        # goes to the next class, so that over all classes no one class takes all of the false alarms.
        if size > 1 and table[k][k] >= 1 and sum(table[k]) == table[k][k]:
            smooth[k][k] -= 0.5
            smooth[k][(k + 1) % size] += 0.5
    return smooth


def _variance(table: list[list[float]], rate: ClassRate) -> float:
    """Delta method: sum n_ij g_ij^2 - (sum n_ij g_ij)^2 / n with g the derivative of the average by the count."""
    m, size = _margins(table), range(len(table))
    denominators = m.weighted(rate.denominator)
    n = sum(m.actual)
    squares = mean = 0.0
    for i in size:
        for j in size:
            g = _derivative(i, j, m, denominators, rate) / len(table)
            squares += table[i][j] * g * g
            mean += table[i][j] * g
    return max(0.0, squares - mean * mean / n)


def _derivative(i: int, j: int, m: _Margins, denominators: tuple[float, ...], rate: ClassRate) -> float:
    """Derivative of the sum over classes of hits / denominator by the count of cell (label i, prediction j)."""
    by_label, by_prediction = rate.denominator
    total = 0.0
    for k in {i, j}:
        if not denominators[k]:
            continue
        weight = by_label * (k == i) + by_prediction * (k == j)
        total += (float(i == j == k) - m.hits[k] / denominators[k] * weight) / denominators[k]
    return total
