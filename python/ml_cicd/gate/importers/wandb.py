"""The summary of a Weights & Biases run: `wandb-summary.json`."""

from ml_cicd.gate.importers.document import Document
from ml_cicd.gate.importers.reading import Importer

ITS_OWN = {"_runtime", "_step", "_timestamp"}


def recognises(document: Document) -> bool:
    """Whether W&B's own entries are there."""
    return "_wandb" in document.top or set(document.top) >= ITS_OWN


IMPORTER = Importer(
    tool="the summary of a W&B run",
    names="names as they were logged (`val/acc`), as points; `val/loss.min` of a metric with a summary of its own",
    recognises=recognises,
    read=lambda _document: {},
)
