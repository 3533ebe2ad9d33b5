"""Our own metrics file: `{"accuracy": {"value": 0.96, "n": 2000}, "latency_p99_ms": 41.5}`, in groups or not."""

import difflib
import math
from collections.abc import Callable, Mapping
from contextlib import suppress

from ml_cicd.gate.importers.document import Document
from ml_cicd.gate.metric import exact
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.samples import Estimate, Interval, Point, Proportion, Sample
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.parse import as_mapping, as_number, refuse_unknown
from ml_cicd.stats.intervals import MOST_ROWS

FORMS = (("value", "n"), ("value", "standard_error"), ("value", "low", "high"))
KEYS = sorted({key for form in FORMS for key in form})
FORM = 'A metrics file is JSON, e.g. {"accuracy": {"value": 0.96, "n": 2000}}.'


def refuse_unreadable(document: Document) -> None:
    """Refuse what has no names at the top, and say what it looks like.

    Raises:
        EvidenceError: not JSON, or a list, a number, a text.
    """
    if isinstance(document.data, Mapping) and not _is_table(document.data):
        return
    first = document.text.lstrip().partition("\n")[0]
    what, cure = document.problem or "it has no names at the top", FORM
    if document.problem and "," in first and not first.startswith(("{", "[", "<")):
        what, cure = "it looks like CSV", f"{FORM} A table of predictions goes to the input predictions."
    elif isinstance(document.data, list | Mapping) or first.rstrip().endswith("}"):
        what, cure = "it looks like a table of rows", f"{FORM} A table of predictions goes to the input predictions."
    raise EvidenceError(f"{document.where} is not a metrics file: {what}.", cure=cure)


def _is_table(top: Mapping[str, object]) -> bool:
    """Whether it is a table as pandas splits it."""
    return all(isinstance(top.get(part), list) for part in ("columns", "data"))


def read_metric(name: str, value: object, path: str) -> Sample:
    """Read one metric, from a bare number or one of the three forms with its uncertainty.

    Raises:
        InputError, EvidenceError: no number, no form, or a number that the metric cannot have.
    """
    if not isinstance(value, Mapping):
        return Point(value=checked(name, value, path))
    numbers = {key: number(found, f"{path}.{key}") for key, found in _form(name, value, path).items()}
    for key in sorted({"value", "low", "high"} & set(numbers)):
        _in_range(name, numbers[key], f"{path}.{key}")
    match frozenset(numbers):
        case keys if keys == {"value", "n"}:
            return _proportion(name, numbers, path)
        case keys if keys == {"value", "standard_error"}:
            return built(path, lambda: _estimate(numbers["value"], numbers["standard_error"]))
        case keys if keys == {"value", "low", "high"}:
            return built(path, lambda: Interval(value=numbers["value"], low=numbers["low"], high=numbers["high"]))
        case _:
            forms = "; ".join(", ".join(form) for form in FORMS)
            raise EvidenceError(
                f"{path} has {', '.join(sorted(numbers))}.", cure=f"Write a number, or one of: {forms}."
            )


def checked(name: str, value: object, path: str) -> float:
    """Return a finite number that the metric can have.

    Raises:
        InputError, EvidenceError: anything else.
    """
    return _in_range(name, number(value, path), path)


def number(value: object, path: str) -> float:
    """Return a finite number; what some tools write as text where they could not compute one is no number either."""
    if isinstance(value, str):
        with suppress(ValueError):
            if not math.isfinite(float(value)):
                raise InputError(f"{path} is {value!r}.", cure="Find out why it could not be computed.")
    return as_number(value, path)


def built(path: str, build: Callable[[], Sample]) -> Sample:
    """Build a sample; what it refuses is said with the path."""
    try:
        return build()
    except EvidenceError as problem:
        raise EvidenceError(f"{path}: {problem.what}", cure=problem.cure) from problem


def _form(name: str, value: Mapping[str, object], path: str) -> Mapping[str, object]:
    """Return the parts of a form. What only describes it is left out, but no number and no misspelt part is."""
    parts = as_mapping(value, path)
    if not set(parts) & set(KEYS):
        inside = ", ".join(repr(f"{name}.{key}") for key in sorted(parts)[:6])
        raise EvidenceError(f"{path} is a group of names.", cure=f"Name one number in it, e.g. {inside}.")
    misspelt = {key: part for key, part in parts.items() if _may_be_meant(key, part)}
    refuse_unknown(misspelt, KEYS, path)
    return {key: part for key, part in parts.items() if key in KEYS}


def _may_be_meant(key: str, part: object) -> bool:
    return isinstance(part, int | float) or bool(difflib.get_close_matches(key.lower(), KEYS, n=1, cutoff=0.6))


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


def _estimate(value: float, standard_error: float) -> Sample:
    """A standard error of 0 is what all alike rows have, few or many: it is no proof that the value is exact."""
    if standard_error == 0:
        return Point(value=value, why="its standard error is 0, which says nothing of chance")
    return Estimate(value=value, standard_error=standard_error)


def _in_range(name: str, value: float, path: str) -> float:
    """Refuse what the metric can never be: a percentage for a share, -1 for a latency that was not measured."""
    metric = CATALOGUE.get(name)
    if metric is not None and value not in metric.range:
        raise EvidenceError(f"{path}: {metric.range.fault(value)}.", cure=f"{name} is {metric.range.words}.")
    return value
