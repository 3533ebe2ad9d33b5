"""scikit-learn's `classification_report(..., output_dict=True)`, saved as JSON."""

from collections.abc import Iterator, Mapping

from ml_cicd.gate.importers.document import Document, group
from ml_cicd.gate.importers.reading import Given, Importer, number_or_none, share
from ml_cicd.gate.samples import FScore

AVERAGES = ("macro avg", "weighted avg")
ALMOST = 1e-6  # a count comes back from a quotient; what is farther from a whole number was rounded or weighted
MOST = 1e9  # beyond it the digits of a quotient do not tell


def recognises(document: Document) -> bool:
    """Whether both averages are there with a support."""
    return all("support" in group(document.top.get(name)) for name in AVERAGES)


def read(document: Document) -> Mapping[str, Given]:
    """The counts behind a class come back from its support: what was found of it, and what was taken for it."""
    top, given = document.top, dict[str, Given]()
    if "accuracy" in top:
        rows = group(top.get(AVERAGES[0])).get("support")
        given["accuracy"] = share(top["accuracy"], "accuracy", n=rows, of="rows")
    for name in top:
        if not name.endswith(" avg"):
            given.update(_class(name, group(top.get(name))))
    return given


def _class(name: str, parts: Mapping[str, object]) -> Iterator[tuple[str, Given]]:
    numbers = [number_or_none(parts.get(key)) for key in ("precision", "recall", "support")]
    precision, recall, support = numbers
    if precision is None or recall is None or support is None or not 0 <= recall <= 1 or not 0 < precision <= 1:
        return
    hits, rows = _whole(recall * support), _whole(support)
    if hits is None or rows is None:  # weights, not rows
        return
    yield f"{name}.recall", share(parts["recall"], f"{name}.recall", n=rows, of="rows of the class")
    taken = _whole(hits / precision)
    if taken is None or taken < hits:
        return
    yield f"{name}.precision", share(parts["precision"], f"{name}.precision", n=taken, of="rows taken for the class")
    f1 = number_or_none(parts.get("f1-score"))
    if f1 is not None and rows + taken and abs(2 * hits / (rows + taken) - f1) <= ALMOST:
        counted = FScore(true_positives=hits, false_positives=taken - hits, false_negatives=rows - hits)
        at = f"{name}.f1-score"
        yield at, Given(value=f1, at=at, spread=f"of {counted.n:,} rows", sample=lambda _found: counted)


def _whole(number: float) -> int | None:
    return round(number) if 0 <= number < MOST and abs(number - round(number)) <= ALMOST else None


IMPORTER = Importer(
    tool="scikit-learn's classification_report",
    names="`accuracy`, and of each class `1.recall`, `1.precision`, `1.f1-score` from the counts behind them; "
    "`macro avg.f1-score` and other averages as plain numbers",
    recognises=recognises,
    read=read,
)
