"""The forms of a metrics file by name, in the order in which they are tried.

An importer is a module with an `IMPORTER`, pure as all of it: one file, and one line here.
"""

from ml_cicd.gate.importers import (
    classification_report,
    dvc,
    evidently,
    junit,
    lm_eval,
    mlflow_metrics,
    mlflow_table,
    native,
    promptfoo,
    trainer,
    wandb,
    yolo,
)
from ml_cicd.gate.importers.document import Document, open_document
from ml_cicd.gate.importers.reading import Importer, Reading

NATIVE = Importer(
    tool="",
    names="names as they stand there; a share of n rows, a standard error, bounds, or a bare number",
    recognises=lambda _document: True,
    read=lambda _document: {},
)
IMPORTERS: dict[str, Importer] = {
    "trainer": trainer.IMPORTER,
    "classification_report": classification_report.IMPORTER,
    "lm_eval": lm_eval.IMPORTER,
    "promptfoo": promptfoo.IMPORTER,
    "mlflow_metrics": mlflow_metrics.IMPORTER,
    "mlflow_table": mlflow_table.IMPORTER,
    "evidently": evidently.IMPORTER,
    "wandb": wandb.IMPORTER,
    "dvc": dvc.SHOWN,
    "dvclive": dvc.LIVE,
    "yolo": yolo.IMPORTER,
    "junit": junit.IMPORTER,
    "native": NATIVE,  # takes all that is left, so it stays last
}


def import_metrics(content: bytes, path: str) -> Reading:
    """Read a metrics file by the first importer that recognises it.

    Raises:
        EvidenceError: no text, nothing that any importer reads, or not what the one that recognises it can read.
    """
    document = open_document(content, path)
    importer = next(one for one in IMPORTERS.values() if one.recognises(document))
    return read_with(importer, document)


def read_with(importer: Importer, document: Document) -> Reading:
    """Read a document by an importer."""
    given, tree = importer.read(document), importer.tree(document)
    if not given:
        native.refuse_unreadable(document)
    return Reading(where=document.where, tool=importer.tool, given=given, tree=tree)
