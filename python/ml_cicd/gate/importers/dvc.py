"""What dvclive writes as `metrics.json`, and what `dvc metrics show --json` prints."""

from collections.abc import Mapping

from ml_cicd.gate.importers.document import Document, group
from ml_cicd.gate.importers.reading import Importer

FOLDER = "dvclive/metrics.json"


def is_live(document: Document) -> bool:
    """Whether it is where dvclive writes, or ends as it does: groups of numbers, and the step last."""
    step, groups = document.top.get("step"), any(map(group, document.top.values()))
    counted = isinstance(step, int) and not isinstance(step, bool)
    last = list(document.top)[-1:] == ["step"]
    return counted and (document.where.replace("\\", "/").endswith(FOLDER) or (groups and last))


def is_shown(document: Document) -> bool:
    """Whether it has revisions, each with the data of files."""
    files = [file for revision in document.top.values() for file in _data(revision).values()]
    return bool(files) and all(_data(file) for file in files) and all(map(_data, document.top.values()))


def files_of(document: Document) -> object:
    """Return the numbers by revision and file; without those where there is one of them."""
    revisions = {name: {file: _data(found) for file, found in _data(one).items()} for name, one in document.top.items()}
    return _alone({name: _alone(files) for name, files in revisions.items()})


def _alone(found: Mapping[str, object]) -> object:
    return next(iter(found.values())) if len(found) == 1 else found


def _data(value: object) -> Mapping[str, object]:
    return group(group(value).get("data"))


LIVE = Importer(
    tool="the metrics of dvclive at its last step",
    names="numbers by their path (`test.acc`), as points",
    recognises=is_live,
    read=lambda _document: {},
)
SHOWN = Importer(
    tool="the output of dvc metrics show",
    names="numbers by their path in the metrics file (`test.acc`), as points; with several revisions or files, "
    "those in front",
    recognises=is_shown,
    read=lambda _document: {},
    tree=files_of,
)
