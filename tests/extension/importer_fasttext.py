"""An importer: what fastText's `test` prints, a line each for the number of examples, precision and recall at k.

One file in `gate/importers/` and one line in `IMPORTERS` of its `catalogue.py`, before `native`, which takes all that
is left. It says what the tool's format tells of each number; the number itself is checked when a rule asks for it.
"""

from collections.abc import Mapping
from contextlib import suppress

from ml_cicd.gate.importers.document import Document
from ml_cicd.gate.importers.reading import Given, Importer, plain, share


def _lines(document: Document) -> dict[str, float]:
    """Return name and number of each line, e.g. `P@1` and 0.97."""
    with suppress(ValueError):
        return {name: float(number) for name, number in (line.split() for line in document.text.splitlines())}
    return {}


def recognises(document: Document) -> bool:
    """Whether it begins with the number of examples and has their precision."""
    names = list(_lines(document))
    return names[:1] == ["N"] and any(name.startswith("P@") for name in names)


def read(document: Document) -> Mapping[str, Given]:
    """With one prediction for each example, precision is a share of them; what else there is, is a plain number."""
    found = _lines(document)
    one = share(found.get("P@1"), "P@1", n=found["N"], of="examples")
    return {name: plain(number, name) for name, number in found.items()} | ({"P@1": one} if "P@1" in found else {})


IMPORTER = Importer(
    tool="what fastText's `test` prints",
    names="`P@1` as a share of the examples, `R@1` and others as plain numbers",
    recognises=recognises,
    read=read,
)
