"""What a Hugging Face Trainer saves: `eval_results.json`, `predict_results.json`, `all_results.json`."""

import re
from collections.abc import Iterator, Mapping

from ml_cicd.gate.importers.document import Document
from ml_cicd.gate.importers.reading import Given, Importer, plain, share

SPEED = re.compile(r"\A(?P<split>[a-z]\w*?)_(?:runtime|samples_per_second)\Z")
TRAIN = "train"
OURS = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "f1_score"}


def recognises(document: Document) -> bool:
    """Whether it has the speed or the loss of an evaluation under the Trainer's names."""
    return any(f"{split}_loss" in document.top for split in _splits(document.top))


def read(document: Document) -> Mapping[str, Given]:
    """Every metric of a split under its name; where one split alone was evaluated, under ours as well."""
    top, splits = document.top, list(_splits(document.top))
    given = {f"{split}_accuracy": _accuracy(top, split) for split in splits if f"{split}_accuracy" in top}
    for theirs, ours in OURS.items():
        found = [f"{split}_{theirs}" for split in splits if f"{split}_{theirs}" in top]
        if len(found) == 1 and ours not in top:
            given[ours] = given.get(found[0], plain(top[found[0]], found[0]))
    return given


def _splits(top: Mapping[str, object]) -> Iterator[str]:
    """Yield what was evaluated: `eval`, `test`; nobody asks for how well the training data are known."""
    timed = {match["split"] for match in map(SPEED.match, top) if match}
    yield from sorted((timed | {"eval"}) - {TRAIN})


def _accuracy(top: Mapping[str, object], split: str) -> Given:
    """The scripts call the rows that were predicted `predict_samples`, where the metrics have the prefix `test`."""
    named = f"{split}_samples"
    if split == "test" and named not in top:
        named = "predict_samples"
    return share(top[f"{split}_accuracy"], f"{split}_accuracy", n=top.get(named), of=f"rows ({named})")


IMPORTER = Importer(
    tool="the results of a Hugging Face Trainer",
    names="`eval_accuracy` (also `accuracy`) as a share of `eval_samples` rows; all else as plain numbers",
    recognises=recognises,
    read=read,
)
