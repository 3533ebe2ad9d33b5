"""What the configuration says of evidence and gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ml_cicd.ground.errors import InputError
from ml_cicd.settings import At, Kind, as_written, block, choice, number, setting, text


class WhenInconclusive(StrEnum):
    """What an inconclusive finding means."""

    FAIL = "fail"
    WARN = "warn"


class WhenNoChampion(StrEnum):
    """What the absence of a champion means."""

    FAIL = "fail"
    FIRST_RELEASE = "first_release"


class Role(StrEnum):
    """What a column of a prediction table is for; the name of its setting in `Columns`."""

    LABEL = "label"
    PREDICTION = "prediction"
    LATENCY_MS = "latency_ms"
    KEY = "key"


def class_name() -> Kind[str]:
    """A class as a table writes it: a word, a whole number, true or false."""

    def read(value: object, at: At) -> str:
        if isinstance(value, bool | int):
            return str(value).lower()
        return str(text().read(value, at))

    return Kind(
        read, lambda _: {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}, {"type": "boolean"}]}
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Names of a prediction table's columns."""

    label: str = setting(text(), "Column of the true class.", default="label")
    prediction: str = setting(text(), "Column of the predicted class.", default="prediction")
    latency_ms: str = setting(text(), "Column of the latency in milliseconds.", default="latency_ms")
    key: str = setting(text(), "Column that names a row in both models' tables.", default="key")
    score: str | None = setting(text(), "Without effect; taken because older files may have it.", default=None)

    def named(self, role: Role) -> str:
        """Return the name of the column for this role."""
        return str(getattr(self, role.value))


@dataclass(frozen=True, kw_only=True, slots=True)
class ChampionSettings:
    """Evidence of the champion."""

    predictions: str = setting(text(), "Prediction table of the champion on the same rows.")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceSettings:
    """Where evidence lies; paths relative to the working directory. None where there is none."""

    predictions: str | None = setting(
        text(), "Prediction table: parquet, CSV or JSON; one file, a folder of parts or a pattern.", default=None
    )
    metrics: str | None = setting(
        text(), "Metrics file of your own or of a known tool, instead of predictions.", default=None
    )
    champion: ChampionSettings | None = setting(block(ChampionSettings), "The champion's evidence.", default=None)
    positive: str | None = setting(
        class_name(), "The positive class; precision, recall and F1 are of it. Else they may be averages.", default=None
    )
    columns: Columns = setting(block(Columns), "Names of the tables' columns.", default=Columns())

    def __post_init__(self) -> None:
        """Refuse two kinds of evidence at once, and a class that no number of a metrics file would be of."""
        if self.predictions and self.metrics:
            raise InputError("there are predictions and metrics.", cure="Keep one of them.")
        if self.metrics and self.positive:
            raise InputError(
                "there are metrics, whose numbers are what they are, and a positive class.",
                cure="Leave positive out, or give predictions.",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class GateSettings:
    """The gate's section; `thresholds` and `versus_champion` are still as written, `gate.policy` reads them."""

    thresholds: Mapping[str, Any] = setting(
        as_written(
            least=1, allowed="A gate without thresholds would pass anything; give at least one, e.g. accuracy: 0.95."
        ),
        "Demands by metric: a number, or {at_least|at_most: x, severity: block|warn}.",
        default={},
    )
    versus_champion: Mapping[str, Any] = setting(
        as_written(least=1, allowed="Give at least one, e.g. accuracy: {margin: 0.01}."),
        "By metric, how much worse than the champion is acceptable: {margin: x}.",
        default={},
    )
    confidence: float = setting(number(above=0.5, below=1), "One-sided confidence of each bound.", default=0.95)
    when_inconclusive: WhenInconclusive = setting(
        choice(WhenInconclusive), "What an inconclusive finding means.", default=WhenInconclusive.FAIL
    )
    when_no_champion: WhenNoChampion = setting(
        choice(WhenNoChampion), "What a missing champion means.", default=WhenNoChampion.FAIL
    )
