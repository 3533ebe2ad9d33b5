"""The forms of a metrics file by name, in the order in which they are tried.

An importer is a module with `recognises(text, name)` and `read(text, where)`, both pure: one file, and one line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ml_cicd.gate.importers import native
from ml_cicd.gate.samples import Sample
from ml_cicd.ground.errors import EvidenceError


@dataclass(frozen=True, kw_only=True, slots=True)
class Importer:
    """Reads what one tool writes.

    Attributes:
        recognises: whether (text, name of the file) is of this form.
        read: from (text, name for messages) to samples by metric. Raises `EvidenceError`.
    """

    recognises: Callable[[str, str], bool]
    read: Callable[[str, str], Mapping[str, Sample]]


IMPORTERS: dict[str, Importer] = {
    "native": Importer(recognises=native.recognises, read=native.read),  # takes all that is left, so it stays last
}


def import_metrics(content: bytes, path: str) -> Mapping[str, Sample]:
    """Read a metrics file by the first importer that recognises it.

    Raises:
        EvidenceError: no text, or not what the importer reads.
    """
    try:
        text = content.decode("utf-8")
    except ValueError as problem:
        raise EvidenceError(f"{path} is not a metrics file: {problem}.", cure="Check the evaluation.") from problem
    importer = next(one for one in IMPORTERS.values() if one.recognises(text, path))
    return importer.read(text, path)
