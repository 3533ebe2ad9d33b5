"""An importer: what a Hugging Face Trainer writes as eval_results.json, `{"eval_accuracy": 0.91, "eval_samples": 872}`.

One file in `gate/importers/` and one line in `IMPORTERS` of its `catalogue.py`, before `native`, which takes all that
is left. A number without its spread is judged as a point; a share of so many rows has a bound.
"""

import json
from collections.abc import Mapping
from contextlib import suppress

from ml_cicd.gate.importers.native import read_metric
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.samples import Sample
from ml_cicd.ground.errors import EvidenceError

PREFIX = "eval_"
NAMES = {"f1": "f1_score"}
ROWS = "eval_samples"


def recognises(text: str, _name: str) -> bool:
    """Whether all names that say anything of an evaluation begin as the Trainer's do."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return isinstance(found, dict) and "eval_loss" in found
    return False


def read(text: str, where: str) -> Mapping[str, Sample]:
    """Read every metric under its own name; what is no number is left out, and so `missing` if a rule wants it."""
    found = json.loads(text)
    rows = found.get(ROWS)
    samples: dict[str, Sample] = {}
    for key, value in found.items():
        if not key.startswith(PREFIX) or key == ROWS or not isinstance(value, int | float):
            continue
        name = NAMES.get(key.removeprefix(PREFIX), key.removeprefix(PREFIX))
        metric = CATALOGUE.get(name)
        counted = isinstance(rows, int) and metric is not None and metric.by_rows
        samples[name] = read_metric(name, {"value": value, "n": rows} if counted else value, f"{where}: {key}")
    if not samples:
        raise EvidenceError(f"{where} has no metric of an evaluation.", cure="Did trainer.evaluate() run?")
    return samples
