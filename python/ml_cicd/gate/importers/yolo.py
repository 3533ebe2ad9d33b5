"""`results.csv` of a YOLO training: one row for each epoch, of which the last is judged."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise

from ml_cicd.gate.importers.document import Document
from ml_cicd.gate.importers.reading import Given, Importer
from ml_cicd.ground.errors import EvidenceError


def recognises(document: Document) -> bool:
    """Whether the header begins with the epoch and has metrics."""
    header = _fields(next(iter(document.text.splitlines()), ""))
    return header[:1] == ["epoch"] and any(name.startswith("metrics/") for name in header)


def read(document: Document) -> Mapping[str, Given]:
    """The last row, under the names of the header.

    Raises:
        EvidenceError: no row, one of another length, or an epoch that does not come after the one before it.
    """
    header, *rows = (_fields(line) for line in document.text.splitlines() if line.strip())
    if not rows:
        raise EvidenceError(f"{document.where} has no epoch.", cure="Did the training end?")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise EvidenceError(
                f"{document.where}, line {line}: {len(row)} fields, and the header has {len(header)}.",
                cure="Was the training cut off, or resumed by another version? Write the file anew.",
            )
    if len(set(header)) < len(header) or not _ascend([row[0] for row in rows]):
        raise EvidenceError(f"{document.where} holds two trainings.", cure="Keep the rows of one.")
    spread = f"of epoch {rows[-1][0]}, the last of {len(rows):,}"
    return {
        name: Given(value=_number(text), at=name, spread=spread) for name, text in zip(header, rows[-1], strict=True)
    }


def _ascend(epochs: list[str]) -> bool:
    with suppress(ValueError):
        numbers = [float(epoch) for epoch in epochs]
        return all(before < after for before, after in pairwise(numbers))
    return False


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.split(",")]  # it writes no quotes


def _number(text: str) -> object:
    with suppress(ValueError):
        return float(text)
    return text


IMPORTER = Importer(
    tool="the results of a YOLO training",
    names="names of the header (`metrics/mAP50-95(B)`) in the row of the last epoch, as points",
    recognises=recognises,
    read=read,
)
