"""All that a decision may use, with the digests of where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.domain.policy import Scope
from ml_cicd.domain.sample import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Names of a prediction table's columns."""

    label: str = "label"
    prediction: str = "prediction"
    score: str = "score"
    latency_ms: str = "latency_ms"
    key: str = "key"


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceRequest:
    """What to measure.

    Exactly one of `predictions` (path of a table) and `metrics` (path of a JSON file) is set.
    `champion` is the path of the champion's table, None where there is none.
    `wanted` are (scope, metric name); nothing else is computed.
    """

    predictions: str | None
    metrics: str | None
    champion: str | None
    columns: Columns
    wanted: frozenset[tuple[Scope, str]]
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Samples by (scope, metric name). A metric that could not be measured is absent, and `absent` says why.

    `digests` name the files read: {"predictions": "sha256:...", "champion": "sha256:..."}.
    """

    samples: Mapping[tuple[Scope, str], Sample]
    absent: Mapping[tuple[Scope, str], str]
    digests: Mapping[str, str]
    has_champion: bool
