"""What Evidently's reports save as JSON, in the format of today (0.7) and in the one before."""

from collections.abc import Iterator, Mapping, Sequence

from ml_cicd.gate.importers.document import Document, Twice, items
from ml_cicd.gate.importers.names import find
from ml_cicd.gate.importers.reading import Given, Importer, plain

NAMES = ("metric_name", "metric_id", "metric")  # 0.7, its first releases, and all before
OLD = "ClassificationQualityMetric.current"
OURS = {
    "accuracy": ("Accuracy", f"{OLD}.accuracy"),
    "precision": ("Precision", f"{OLD}.precision"),
    "recall": ("Recall", f"{OLD}.recall"),
    "f1_score": ("F1Score", f"{OLD}.f1"),
    "roc_auc": ("RocAuc", f"{OLD}.roc_auc"),
}


def recognises(document: Document) -> bool:
    """Whether it is a list of metrics with their values."""
    return bool(list(_metrics(document))) and len(list(_metrics(document))) == len(_listed(document))


def read(document: Document) -> Mapping[str, Given]:
    """Metrics of the current data that we know, under our names."""
    tree = by_name(document)
    found = {ours: [(at, find(tree, at)) for at in places] for ours, places in OURS.items()}
    one = {ours: [(at, values[0]) for at, values in places if len(values) == 1] for ours, places in found.items()}
    return {ours: plain(hits[0][1], hits[0][0]) for ours, hits in one.items() if len(hits) == 1}


def by_name(document: Document) -> dict[str, object]:
    """Return the values by metric, with its parameters and without; what that makes one name of two is neither."""
    tree: dict[str, object] = {}
    for name, value in _metrics(document):
        for key in dict.fromkeys((name, name.partition("(")[0])):
            tree[key] = Twice() if key in tree else value
    return tree


def _metrics(document: Document) -> Iterator[tuple[str, object]]:
    for one in _listed(document):
        name = next((one[key] for key in NAMES if key in one), None) if isinstance(one, Mapping) else None
        if isinstance(name, str) and isinstance(one, Mapping) and ("value" in one or "result" in one):
            yield name, one.get("value", one.get("result"))


def _listed(document: Document) -> Sequence[object]:
    return items(document.top.get("metrics"))


IMPORTER = Importer(
    tool="a report of Evidently",
    names="`Accuracy` (also `accuracy`), `MissingValueCount(column=age).share`, "
    "`ClassificationQualityMetric.current.f1`, as points",
    recognises=recognises,
    read=read,
    tree=by_name,
)
