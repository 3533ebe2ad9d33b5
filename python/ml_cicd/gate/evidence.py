"""From what is wanted to samples: the same few lines for every metric, whoever counts."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain

from ml_cicd.gate.importers.catalogue import import_metrics
from ml_cicd.gate.importers.names import find
from ml_cicd.gate.importers.native import read_metric
from ml_cicd.gate.importers.reading import Reading, absence, sample_of, sentences
from ml_cicd.gate.metric import Recipe
from ml_cicd.gate.metrics.catalogue import recipe_of
from ml_cicd.gate.ports import Engine, StatisticsSource
from ml_cicd.gate.samples import Sample
from ml_cicd.gate.settings import Columns
from ml_cicd.gate.statistics import Absence, Statistic
from ml_cicd.gate.table_source import TableSource
from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Subject
from ml_cicd.ground.parse import as_mapping

NO_PAIRS = "a comparison with the champion needs both models' predictions, row by row"


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceRequest:
    """What to measure; nothing else is computed.

    Attributes:
        predictions: path of a table; exactly one of this and `metrics` is not empty.
        metrics: path of a metrics file.
        champion: path of the champion's table; empty where there is none.
        positive: the positive class, as text; empty where none was named.
        confidence: one-sided, of each bound.
    """

    predictions: str = ""
    metrics: str = ""
    champion: str = ""
    columns: Columns
    positive: str = ""
    wanted: frozenset[Subject]
    confidence: float

    def __post_init__(self) -> None:
        """Refuse no evidence, and two kinds of it."""
        if bool(self.predictions) == bool(self.metrics):
            how_much = "evidence of two kinds" if self.metrics else "no evidence"
            raise InputError(f"There is {how_much}.", cure="Give the input predictions or metrics.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that a judgement may use. What could not be measured is absent, and `absent` says why.

    `digests` name what was read: {"predictions": "sha256:...", "champion": "sha256:..."}; `notes` say what was decided
    for the user while it was read.
    """

    samples: Mapping[Subject, Sample]
    absent: Mapping[Subject, str]
    digests: Mapping[str, str]
    has_champion: bool = False
    notes: tuple[str, ...] = ()


def evaluate(
    request: EvidenceRequest,
    *,
    connect: Callable[[str], AbstractContextManager[Engine]],
    read_metrics: Callable[[str], bytes],
) -> Evidence:
    """Measure tables, or read a metrics file.

    `connect` gives the engine that opens tables of this path's kind, `read_metrics` the bytes of a file; each is called
    only where it is needed.

    Raises:
        EvidenceError: the data cannot be used at all.
    """
    has_champion = bool(request.champion)
    if request.metrics:
        content = read_metrics(request.metrics)
        return evidence_from_metrics(
            import_metrics(content, request.metrics),
            wanted=request.wanted,
            digest="sha256:" + hashlib.sha256(content).hexdigest(),
            has_champion=has_champion,
        )
    with connect(request.predictions) as engine:
        source = TableSource(
            engine=engine,
            predictions=request.predictions,
            champion=request.champion,
            names=request.columns,
            positive=request.positive,
        )
        return measure(request.wanted, source, request.confidence, has_champion=has_champion)


def measure(
    wanted: frozenset[Subject], source: StatisticsSource, confidence: float, *, has_champion: bool = False
) -> Evidence:
    """Let the source count all that the wanted metrics need, at once, and make samples of it."""
    recipes = {subject: recipe_of(subject) for subject in sorted(wanted, key=lambda subject: subject.name)}
    needs = {subject: recipe.needs(confidence) for subject, recipe in recipes.items()}
    answers = source.answer(frozenset(chain.from_iterable(needs.values())))
    made = {
        subject: _made(recipe, [answers.statistics[need] for need in needs[subject]])
        for subject, recipe in recipes.items()
    }
    return Evidence(
        samples={subject: found for subject, found in made.items() if not isinstance(found, Absence)},
        absent={subject: found.why for subject, found in made.items() if isinstance(found, Absence)},
        digests=answers.digests,
        has_champion=has_champion,
        notes=answers.notes,
    )


def _made(recipe: Recipe, statistics: list[Statistic | Absence]) -> Sample | Absence:
    absent = next((found for found in statistics if isinstance(found, Absence)), None)
    return absent or recipe.sample(*statistics)


def evidence_from_metrics(
    reading: Reading, *, wanted: frozenset[Subject], digest: str, has_champion: bool = False
) -> Evidence:
    """Take the wanted of what somebody else computed, by metric.

    Raises:
        EvidenceError: a wanted number is there, and is none.
    """
    given = {subject.metric: sample_of(reading, subject.metric) for subject in wanted if _is_plain(subject)}
    notes = sentences(reading, sorted(name for name, sample in given.items() if sample is not None))
    return replace(_taken(reading, given, wanted, digest), has_champion=has_champion, notes=notes)


def _taken(reading: Reading, given: Mapping[str, Sample | None], wanted: frozenset[Subject], digest: str) -> Evidence:
    found = {subject: given.get(subject.metric) for subject in wanted if _is_plain(subject)}
    samples = {subject: sample for subject, sample in found.items() if sample is not None}
    absent = {
        subject: absence(reading, subject.metric) if subject in found else NO_PAIRS for subject in wanted - set(samples)
    }
    return Evidence(samples=samples, absent=absent, digests={"metrics": digest})


def _is_plain(subject: Subject) -> bool:
    """Whether it is the value on all rows, the one thing that a number by its name is."""
    return subject == Subject(metric=subject.metric)


def evidence_from_mapping(metrics: Mapping[str, object], wanted: frozenset[Subject]) -> Evidence:
    """Read metrics that a program computed: numbers (NumPy's and torch's too), or the forms of a metrics file.

    Only what is wanted is read, and only that is in the digest.

    Raises:
        InputError, EvidenceError: a value that is no number, or not one of the forms.
    """
    given = as_mapping(metrics, "metrics")
    found = {name: find(given, name) for name in sorted({subject.metric for subject in wanted})}
    plain = {name: _plain(values[0]) for name, values in found.items() if values}
    twice = [name for name, values in found.items() if len(values) > 1]
    if twice:
        raise InputError(f"metrics: {twice[0]!r} stands there more than once.", cure="Give each a name of its own.")
    samples = {name: read_metric(name, value, f"metrics.{name}") for name, value in plain.items()}
    reading = Reading(where="the mapping `metrics`", tree=given)
    return _taken(reading, samples, wanted, canonical_digest(plain))


def _plain(value: object) -> object:
    """Return the number in a NumPy or torch scalar; anything larger stays what it is, and is refused as no number."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
