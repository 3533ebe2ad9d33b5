"""What MLflow's `evaluate` saves as `metrics.json`, or a run's metrics with its names."""

import re
from collections.abc import Mapping

from ml_cicd.gate.importers.document import Document
from ml_cicd.gate.importers.reading import Given, Importer, number_or_none, plain, share
from ml_cicd.gate.samples import FScore

ROWS = "example_count"
SCORES = {"accuracy_score": "accuracy", "precision_score": "precision", "recall_score": "recall"}
KNOWN = (*SCORES, "f1_score", "roc_auc", "mean_squared_error", "mean_absolute_error", "log_loss")
VERSIONED = re.compile(r"\A[^/]+/v\d+(?:/(?:mean|variance|p\d+|ratio))?\Z")
SAME = 1e-9


def recognises(document: Document) -> bool:
    """Whether it has the number of examples beside a score, or a metric with its version."""
    top = document.top
    counted = any(f"{prefix}{name}" in top for prefix in _prefixes(top) for name in KNOWN)
    return counted or any(VERSIONED.match(name) for name in top)


def read(document: Document) -> Mapping[str, Given]:
    """Scores of the examples as shares of those that they are about; without `_score` where there is one prefix."""
    top, prefixes = document.top, _prefixes(document.top)
    given = {f"{prefix}{name}": one for prefix in prefixes for name, one in _scores(top, prefix).items()}
    if len(prefixes) == 1:
        names = {f"{prefixes[0]}{theirs}": ours for theirs, ours in SCORES.items()}
        given |= {ours: given[name] for name, ours in names.items() if name in given and ours not in top}
    return given


def _prefixes(top: Mapping[str, object]) -> list[str]:
    return [name.removesuffix(ROWS) for name in top if name.endswith(ROWS)]


def _scores(top: Mapping[str, object], prefix: str) -> dict[str, Given]:
    """The four counts of two classes are used where they are whole numbers and give the score; weights do not."""
    given = {name: plain(top[f"{prefix}{name}"], f"{prefix}{name}") for name in SCORES if f"{prefix}{name}" in top}
    if "accuracy_score" in given:
        one = given["accuracy_score"]
        given["accuracy_score"] = share(one.value, one.at, n=top[f"{prefix}{ROWS}"], of=f"examples ({prefix}{ROWS})")
    names = ("true_positives", "false_positives", "false_negatives")
    hits, alarms, misses = (_count(top.get(f"{prefix}{name}")) for name in names)
    if hits is None or alarms is None or misses is None:
        return given
    for name, others, of in (
        ("precision_score", alarms, "examples predicted positive"),
        ("recall_score", misses, "positive examples"),
    ):
        if name in given and _is(given[name].value, hits, hits + others):
            given[name] = share(given[name].value, given[name].at, n=hits + others, of=of)
    at = f"{prefix}f1_score"
    if _is(top.get(at), 2 * hits, 2 * hits + alarms + misses):
        counted = FScore(true_positives=hits, false_positives=alarms, false_negatives=misses)
        spread = f"of {counted.n:,} examples"
        given["f1_score"] = Given(value=top[at], at=at, spread=spread, sample=lambda _found: counted)
    return given


def _count(value: object) -> int | None:
    number = number_or_none(value)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def _is(value: object, part: int, whole: int) -> bool:
    number = number_or_none(value)
    return number is not None and whole > 0 and abs(number - part / whole) <= SAME


IMPORTER = Importer(
    tool="the metrics of MLflow's evaluate",
    names="`accuracy_score` (also `accuracy`) as a share of `example_count`; with the counts of two classes "
    "`recall_score`, `precision_score` and `f1_score` too; `toxicity/v1/mean` and others as plain numbers",
    recognises=recognises,
    read=read,
)
