"""The table of an MLflow evaluation (`eval_results_table.json`): one row for each example, a column for each score."""

import math
import statistics
from collections.abc import Mapping, Sequence

from ml_cicd.gate.importers.document import Document, items
from ml_cicd.gate.importers.reading import Given, Importer, mean, number_or_none, plain

PARTS = {"columns", "data"}


def recognises(document: Document) -> bool:
    """Whether it has columns and rows, as pandas splits them, and a score among them."""
    top = document.top
    return PARTS <= set(top) <= PARTS | {"index"} and any("/" in name for name in _columns(top))


def read(document: Document) -> Mapping[str, Given]:
    """The mean of each column with numbers: a share where all are 0 or 1, else with its standard error."""
    top = document.top
    columns, rows = _columns(top), list(map(items, items(top.get("data"))))
    values = {name: [row[i] if i < len(row) else None for row in rows] for i, name in enumerate(columns)}
    return {name: _mean(found) for name, found in values.items() if columns.count(name) == 1 and _scores(found)}


def _scores(values: Sequence[object]) -> bool:
    return any(_score(value) is not None for value in values)


def _score(value: object) -> float | None:
    return float(value) if isinstance(value, bool) else number_or_none(value)


def _mean(values: Sequence[object]) -> Given:
    """A row without its score would be a guess: the mean of the others is not what was asked for."""
    scores = [score for score in map(_score, values) if score is not None and math.isfinite(score)]
    missing = len(values) - len(scores)
    at = "the mean of its column"
    if missing:
        return plain(math.nan, f"{at}, in which {missing:,} of {len(values):,} rows have none")
    error = statistics.stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else None
    return mean(statistics.fmean(scores), at, error=error, named="over the rows", n=len(scores))


def _columns(top: Mapping[str, object]) -> list[str]:
    return [name if isinstance(name, str) else "" for name in items(top.get("columns"))]


IMPORTER = Importer(
    tool="the table of an MLflow evaluation",
    names="`toxicity/v1/score`: the mean of the column with its standard error, or a share of the rows where all are "
    "0 or 1",
    recognises=recognises,
    read=read,
    tree=lambda _document: None,
)
