"""A metrics file: `{"accuracy": {"value": 0.96, "n": 2000}, "latency_p99_ms": 41.5}`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ml_cicd.domain.metric import CATALOGUE, Kind
from ml_cicd.domain.sample import Estimate, Interval, Point, Proportion, Sample
from ml_cicd.errors import EvidenceError, InputError
from ml_cicd.parse import as_mapping, as_number, describe, refuse_unknown
from ml_cicd.stats.intervals import MOST_ROWS

LARGEST_FILE = 4 * 2**20
FORMS = (("value", "n"), ("value", "standard_error"), ("value", "low", "high"))


def read_metrics(path: str) -> dict[str, Sample]:
    """Read a metrics file.

    Raises:
        EvidenceError: absent, not JSON, NaN, a name twice, a form that is none of the four.
    """
    file = Path(path)
    if not file.is_file():
        raise EvidenceError(f"{path} is not a file.", cure="Check the path; it starts from the working directory.")
    if file.stat().st_size > LARGEST_FILE:
        raise EvidenceError(f"{path} is larger than 4 MiB.", cure="Is it the right file?")
    try:
        data = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_unique)
        found = as_mapping(data, path)
        return {name: read_metric(name, value, f"{path}: {name}") for name, value in found.items()}
    except (ValueError, RecursionError) as problem:
        raise EvidenceError(f"{path} is not a metrics file: {problem}.", cure="Check the evaluation.") from problem
    except InputError as problem:
        raise EvidenceError(problem.what, cure=problem.cure) from problem


def read_metric(name: str, value: object, path: str) -> Sample:
    """Read one metric, from a bare number or one of the three forms with its uncertainty."""
    if not isinstance(value, Mapping):
        return Point(value=_in_domain(name, as_number(value, path), path))
    parts = as_mapping(value, path)
    refuse_unknown(parts, {key for form in FORMS for key in form}, path)
    numbers = {key: as_number(number, f"{path}.{key}") for key, number in parts.items()}
    for key in {"value", "low", "high"} & set(numbers):
        _in_domain(name, numbers[key], f"{path}.{key}")
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
    if metric is not None and metric.kind is not Kind.PROPORTION:
        raise EvidenceError(
            f"{path}: 'n' says nothing of the spread of {name}, which depends on some of the rows only.",
            cure="Give low and high instead, or a prediction table.",
        )
    value, n = numbers["value"], numbers["n"]
    if not 0 <= value <= 1:
        raise EvidenceError(
            f"{path}: {value:g} of n rows is not a share.", cure="Give standard_error, or low and high."
        )
    if not 0 < n <= MOST_ROWS or n != int(n):
        raise EvidenceError(f"{path}.n is {n:g}.", cure="Give the number of rows.")
    return Proportion(successes=value * n, n=n)


def _in_domain(name: str, value: float, path: str) -> float:
    """Refuse what the metric can never be: a percentage for a share, -1 for a latency that was not measured."""
    metric = CATALOGUE.get(name)
    if metric is not None and metric.bounded and not 0 <= value <= 1:
        raise EvidenceError(f"{path}: {value:g} is outside 0 to 1.", cure=f"{name} is a share, not percent.")
    if metric is not None and metric.kind is Kind.QUANTILE and value < 0:
        raise EvidenceError(f"{path}: {value:g} is negative.", cure="Find out why it could not be measured.")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands twice in {describe(dict(pairs))}")
        found[key] = value
    return found
