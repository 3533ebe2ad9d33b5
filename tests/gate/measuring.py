"""Measuring through the real doors, wired as `shell/wiring` wires them."""

from importlib import import_module

from ml_cicd.gate.doors import engine_of
from ml_cicd.gate.engines.metrics_file import read_metrics
from ml_cicd.gate.evidence import Evidence, EvidenceRequest, evaluate


def measured(request: EvidenceRequest) -> Evidence:
    """Measure files."""
    return evaluate(request, connect=lambda path: import_module(engine_of(path)).connect(), read_metrics=read_metrics)
