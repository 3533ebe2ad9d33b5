"""Metrics of the confusion matrix.

Precision, recall and F1 are of the positive class: the one that was named, or true or 1 of two classes written as
false/true, 0/1 or -1/1. Of anything else they are macro averages over all classes. Each sample says which it is.
"""

from collections.abc import Callable

from ml_cicd.gate.metric import SHARE, Direction, Metric, Recipe
from ml_cicd.gate.samples import Average, FScore, Paired, Proportion, Sample
from ml_cicd.gate.statistics import Absence, Confusion, ConfusionNeed, Need, PairsNeed, Positives
from ml_cicd.stats.macro import F1, PRECISION, RECALL, ClassRate, macro_estimate

NAMES = {"f1_score": "F1"}
LEAST_ROWS = 5  # with fewer, bounds of the average do not hold their level (tests/statistics)


def _confusion(_confidence: float) -> tuple[Need, ...]:
    return (ConfusionNeed(),)


def _pairs(_confidence: float) -> tuple[Need, ...]:
    return (PairsNeed(),)


def _accuracy(confusion: Confusion) -> Sample:
    return Proportion(successes=confusion.hits, n=confusion.n)


def _gain(pairs: Paired) -> Sample:
    return pairs


def _share(found: Positives, what: str, rows: int, counted: str) -> Proportion:
    return Proportion(successes=found.hits, n=rows, of=f"{what} of {found.name}", counted=f"{counted} {found.name}")


def _precision(found: Positives) -> Sample | Absence:
    rows = found.hits + found.false_alarms
    return (
        _share(found, "precision", rows, "rows predicted as")
        if rows
        else Absence(why=f"no row is predicted as {found.name}")
    )


def _recall(found: Positives) -> Sample | Absence:
    rows = found.hits + found.misses
    return (
        _share(found, "recall", rows, "rows with the label")
        if rows
        else Absence(why=f"no row has the label {found.name}")
    )


def _f1_score(found: Positives) -> Sample | Absence:
    if not found.hits + found.false_alarms + found.misses:
        return Absence(why=f"no row is {found.name} by label or prediction")
    return FScore(
        true_positives=found.hits,
        false_positives=found.false_alarms,
        false_negatives=found.misses,
        of=f"F1 of {found.name}",
    )


def _macro(confusion: Confusion, rate: ClassRate, name: str) -> Average:
    estimate = macro_estimate(confusion.table, rate)
    return Average(
        value=estimate.value,
        effective_n=estimate.effective_n,
        n=estimate.n,
        sparse=_sparse(confusion),
        of=f"macro {NAMES.get(name, name)} over {len(confusion.classes)} classes",
    )


def _sparse(confusion: Confusion) -> str:
    """Say why no bound of an average over these classes can be trusted: a class that was seen too rarely."""
    classes, rows = confusion.classes, [sum(row) for row in confusion.table]
    if len(classes) == 1:
        return f"all rows are of one class, {classes[0]!r}, so nothing is known of the others"
    fewest = min(range(len(rows)), key=rows.__getitem__)
    if rows[fewest] >= LEAST_ROWS:
        return ""
    return f"class {classes[fewest]!r} has {rows[fewest]} rows, and an average over classes needs {LEAST_ROWS} of each"


def _of_a_class(name: str, of_positives: Callable[[Positives], Sample | Absence], rate: ClassRate) -> Metric:
    """Return a metric of the positive class, or averaged as `rate` says where there is none."""

    def sample(confusion: Confusion) -> Sample | Absence:
        positives = confusion.positives
        return _macro(confusion, rate, name) if positives is None else of_positives(positives)

    return Metric(name=name, direction=Direction.HIGHER, range=SHARE, needs=_confusion, sample=sample, by_rows=False)


METRICS = (
    Metric(
        name="accuracy",
        direction=Direction.HIGHER,
        range=SHARE,
        needs=_confusion,
        sample=_accuracy,
        change=Recipe(needs=_pairs, sample=_gain),
    ),
    _of_a_class("precision", _precision, PRECISION),
    _of_a_class("recall", _recall, RECALL),
    _of_a_class("f1_score", _f1_score, F1),
)
