"""Evidence from files (ports.Evaluator)."""

from collections.abc import Iterable

import duckdb

from ml_cicd.domain.evidence import Evidence, EvidenceRequest
from ml_cicd.domain.policy import Scope
from ml_cicd.domain.sample import Sample
from ml_cicd.errors import InputError
from ml_cicd.measure import table as tables
from ml_cicd.measure.counting import CLASSIFICATION, count_classification, latency_names
from ml_cicd.measure.metrics_file import read_metrics
from ml_cicd.measure.pairing import pair


class TableEvaluator:
    """Measures prediction tables and reads metrics files."""

    def evaluate(self, request: EvidenceRequest) -> Evidence:
        """Measure what is wanted; nothing else is computed."""
        if request.metrics is not None:
            return _from_metrics(request, request.metrics)
        if request.predictions is None:
            raise InputError("There is no evidence.", cure="Give the input predictions or metrics.")
        with duckdb.connect(":memory:") as connection:
            return _from_tables(request, request.predictions, connection)


def _from_metrics(request: EvidenceRequest, path: str) -> Evidence:
    found = {(Scope.VALUE, name): sample for name, sample in read_metrics(path).items()}
    absent = {
        key: f"{path} does not have it"
        if key[0] is Scope.VALUE
        else "a comparison with the champion needs both models' predictions, row by row"
        for key in request.wanted
        if key not in found
    }
    samples = {key: sample for key, sample in found.items() if key in request.wanted}
    has_champion = request.champion is not None
    return Evidence(
        samples=samples, absent=absent, digests={"metrics": tables.file_digest(path)}, has_champion=has_champion
    )


def _from_tables(request: EvidenceRequest, path: str, connection: duckdb.DuckDBPyConnection) -> Evidence:
    candidate = tables.open_table(connection, path, "candidate", request.columns)
    digests = {"predictions": tables.file_digest(path)}
    wanted = [name for scope, name in request.wanted if scope is Scope.VALUE]
    samples, absent = _values(candidate, wanted, request.confidence)
    if any(scope is Scope.CHANGE for scope, _ in request.wanted) and request.champion is not None:
        champion = tables.open_table(connection, request.champion, "champion", request.columns)
        for side in (candidate, champion):
            tables.require_labels(side)
        samples[Scope.CHANGE, "accuracy"] = pair(candidate, champion)
        digests["champion"] = tables.file_digest(request.champion)
    return Evidence(samples=samples, absent=absent, digests=digests, has_champion=request.champion is not None)


Keyed = dict[tuple[Scope, str], Sample]


def _values(
    candidate: tables.Table, wanted: Iterable[str], confidence: float
) -> tuple[Keyed, dict[tuple[Scope, str], str]]:
    samples: Keyed = {}
    absent: dict[tuple[Scope, str], str] = {}
    names = sorted(wanted)
    classification = [name for name in names if name in CLASSIFICATION]
    if classification:
        tables.require_labels(candidate)
        counted = count_classification(tables.confusion(candidate), classification)
        samples |= {(Scope.VALUE, name): sample for name, sample in counted.samples.items()}
        absent |= {(Scope.VALUE, name): why for name, why in counted.absent.items()}
    latency = latency_names(names)
    if latency and candidate.has(candidate.columns.latency_ms):
        found = tables.quantiles(candidate, latency, confidence)
        samples |= {(Scope.VALUE, name): sample for name, sample in found.items()}
    for name in names:
        if (Scope.VALUE, name) not in samples and (Scope.VALUE, name) not in absent:
            missing = f"{candidate.path} has no column {candidate.columns.latency_ms!r}"
            absent[Scope.VALUE, name] = missing if name in latency else "a prediction table does not have this metric"
    return samples, absent
