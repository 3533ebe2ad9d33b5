"""Macro-averaged precision, recall and F1 over many classes, with an effective sample size."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ml_cicd.stats.intervals import Bounds, clopper_pearson


class MacroKind(StrEnum):
    """Which average."""

    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1_score"


@dataclass(frozen=True, kw_only=True, slots=True)
class MacroEstimate:
    """Macro average in [0, 1] and the number of rows of a plain proportion that would be as precise."""

    value: float
    effective_n: float
    n: int

    def bounds(self, alpha: float) -> Bounds:
        """Return Clopper-Pearson bounds at the effective sample size (Korn & Graubard 1998)."""
        return clopper_pearson(self.value * self.effective_n, self.effective_n, alpha)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Margins:
    hits: tuple[float, ...]
    actual: tuple[float, ...]
    predicted: tuple[float, ...]


def macro_estimate(confusion: Sequence[Sequence[int]], kind: MacroKind) -> MacroEstimate:
    """Return the macro average of a K x K confusion matrix (rows: label, columns: prediction).

    Classes absent from labels and predictions do not count; 0/0 is 0, as in scikit-learn's `zero_division=0`.
    Variance by the delta method over the multinomial (Takahashi et al. 2022), at counts with half a row of every class
    moved to a wrong cell so that a perfect table is not certain; the effective size is p(1-p)/var, at most the one of
    K classes as different in size as these (K^2 / sum 1/n_k).
    """
    classes = [k for k in range(len(confusion)) if sum(confusion[k]) + sum(row[k] for row in confusion) > 0]
    table = [[float(confusion[i][j]) for j in classes] for i in classes]
    n = int(sum(map(sum, table)))
    value = _value(_margins(table), kind)
    support = _support(_margins(table), kind)
    limit = len(classes) ** 2 / sum(1 / max(s, 0.5) for s in support)
    smooth = _smoothed(table)
    p, variance = _value(_margins(smooth), kind), _variance(smooth, kind)
    effective = min(limit, p * (1 - p) / variance) if variance > 0 else limit
    return MacroEstimate(value=value, effective_n=max(1.0, effective), n=n)


def _margins(table: Sequence[Sequence[float]]) -> _Margins:
    size = range(len(table))
    return _Margins(
        hits=tuple(table[k][k] for k in size),
        actual=tuple(sum(table[k]) for k in size),
        predicted=tuple(sum(row[k] for row in table) for k in size),
    )


def _support(m: _Margins, kind: MacroKind) -> tuple[float, ...]:
    if kind is MacroKind.PRECISION:
        return m.predicted
    return m.actual


def _denominators(m: _Margins, kind: MacroKind) -> tuple[float, ...]:
    if kind is MacroKind.F1:
        return tuple((a + p) / 2 for a, p in zip(m.actual, m.predicted, strict=True))
    return _support(m, kind)


def _value(m: _Margins, kind: MacroKind) -> float:
    rates = [h / d if d else 0.0 for h, d in zip(m.hits, _denominators(m, kind), strict=True)]
    return sum(rates) / len(rates)


def _smoothed(table: list[list[float]]) -> list[list[float]]:
    """Move half a row of each class to its neighbour's cell, where a class has no error of its own."""
    size = len(table)
    smooth = [row[:] for row in table]
    for k in range(size):
        if size > 1 and table[k][k] >= 1 and sum(table[k]) == table[k][k]:
            smooth[k][k] -= 0.5
            smooth[k][(k + 1) % size] += 0.5
    return smooth


def _variance(table: list[list[float]], kind: MacroKind) -> float:
    """Delta method: sum n_ij g_ij^2 - (sum n_ij g_ij)^2 / n with g the derivative of the average by the count."""
    m, size = _margins(table), range(len(table))
    denominators = _denominators(m, kind)
    n = sum(m.actual)
    squares = mean = 0.0
    for i in size:
        for j in size:
            g = _derivative(i, j, m, denominators, kind) / len(table)
            squares += table[i][j] * g * g
            mean += table[i][j] * g
    return max(0.0, squares - mean * mean / n)


def _derivative(i: int, j: int, m: _Margins, denominators: tuple[float, ...], kind: MacroKind) -> float:
    """Derivative of the sum over classes of hits / denominator by the count of cell (label i, prediction j)."""
    total = 0.0
    for k in {i, j}:
        if not denominators[k]:
            continue
        weight = {
            MacroKind.RECALL: float(k == i),
            MacroKind.PRECISION: float(k == j),
            MacroKind.F1: (float(k == i) + float(k == j)) / 2,
        }[kind]
        total += (float(i == j == k) - m.hits[k] / denominators[k] * weight) / denominators[k]
    return total
