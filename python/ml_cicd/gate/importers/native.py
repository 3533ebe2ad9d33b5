"""Our own metrics file: `{"accuracy": {"value": 0.96, "n": 2000}, "latency_p99_ms": 41.5}`."""

import json
from collections.abc import Callable, Mapping

from ml_cicd.gate.metric import exact
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.samples import Estimate, Interval, Point, Proportion, Sample
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.parse import as_mapping, as_number, describe, refuse_unknown
from ml_cicd.stats.intervals import MOST_ROWS

FORMS = (("value", "n"), ("value", "standard_error"), ("value", "low", "high"))


def recognises(_text: str, _name: str) -> bool:
    """Whatever nobody else recognises is held to this form: its errors say what a metrics file looks like."""
    return True


def read(text: str, where: str) -> dict[str, Sample]:
    """Read a metrics file.

    Raises:
        EvidenceError: not JSON, NaN, a name twice, a form that is none of the four.
    """
    try:
        found = as_mapping(json.loads(text, object_pairs_hook=_unique), where)
        return {name: read_metric(name, value, f"{where}: {name}") for name, value in found.items()}
    except (ValueError, RecursionError) as problem:
        raise EvidenceError(f"{where} is not a metrics file: {problem}.", cure="Check the evaluation.") from problem
    except InputError as problem:
        raise EvidenceError(problem.what, cure=problem.cure) from problem


def read_metric(name: str, value: object, path: str) -> Sample:
    """Read one metric, from a bare number or one of the three forms with its uncertainty."""
    if not isinstance(value, Mapping):
        return Point(value=_in_range(name, as_number(value, path), path))
    parts = as_mapping(value, path)
    refuse_unknown(parts, {key for form in FORMS for key in form}, path)
    numbers = {key: as_number(number, f"{path}.{key}") for key, number in parts.items()}
    for key in sorted({"value", "low", "high"} & set(numbers)):
        _in_range(name, numbers[key], f"{path}.{key}")
    match frozenset(numbers):
        case keys if keys == {"value", "n"}:
            return _proportion(name, numbers, path)
        case keys if keys == {"value", "standard_error"}:
            return _built(path, lambda: Estimate(value=numbers["value"], standard_error=numbers["standard_error"]))
        case keys if keys == {"value", "low", "high"}:
            return _built(path, lambda: Interval(value=numbers["value"], low=numbers["low"], high=numbers["high"]))
        case _:
            forms = "; ".join(", ".join(form) for form in FORMS)
            raise EvidenceError(
                f"{path} has {', '.join(sorted(numbers))}.", cure=f"Write a number, or one of: {forms}."
            )


def _built(path: str, build: Callable[[], Sample]) -> Sample:
    """Build a sample; what it refuses is said with the path."""
    try:
        return build()
    except EvidenceError as problem:
        raise EvidenceError(f"{path}: {problem.what}", cure=problem.cure) from problem


def _proportion(name: str, numbers: Mapping[str, float], path: str) -> Proportion:
    metric = CATALOGUE.get(name)
    if metric is not None and not metric.by_rows:
        raise EvidenceError(
            f"{path}: 'n' says nothing of the spread of {name}, which depends on some of the rows only.",
            cure="Give low and high instead, or a prediction table.",
        )
    value, n = numbers["value"], numbers["n"]
    if not 0 <= value <= 1:
        raise EvidenceError(
            f"{path}: {exact(value)} of n rows is not a share.", cure="Give standard_error, or low and high."
        )
    if not 0 < n <= MOST_ROWS or n != int(n):
        raise EvidenceError(f"{path}.n is {exact(n)}.", cure="Give the number of rows.")
    return Proportion(successes=value * n, n=n)


def _in_range(name: str, value: float, path: str) -> float:
    """Refuse what the metric can never be: a percentage for a share, -1 for a latency that was not measured."""
    metric = CATALOGUE.get(name)
    if metric is not None and value not in metric.range:
        raise EvidenceError(f"{path}: {metric.range.fault(value)}.", cure=f"{name} is {metric.range.words}.")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands twice in {describe(dict(pairs))}")
        found[key] = value
    return found
