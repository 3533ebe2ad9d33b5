"""Typed getters over untrusted mappings: every error carries the path of the value that is wrong."""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ml_cicd.ground.errors import InputError

T = TypeVar("T")
LONGEST_SHOWN = 60
KINDS = {dict: "the mapping", list: "the list", str: "the text", int: "the number", float: "the number"}


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean ...?` for a misspelt name, else the list of what is allowed."""
    names = sorted(str(name) for name in known)  # an enum's value, not its repr
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Allowed: {', '.join(names)}."


def refuse_unknown(mapping: Mapping[str, object], known: Iterable[str], path: str) -> None:
    """Raise `InputError` for the first key of `mapping` that is not in `known`."""
    names = set(known)
    for key in mapping:
        if key not in names:
            raise InputError(f"{path}: unknown name {key!r}.", cure=suggest(str(key), names))


def as_mapping(value: object, path: str) -> Mapping[str, object]:
    """Return `value` as a mapping with string keys."""
    if not isinstance(value, Mapping):
        raise InputError(f"{path}: found {describe(value)}, expected a mapping.", cure="Write name: value pairs.")
    for key in value:
        if not isinstance(key, str):
            raise InputError(f"{path}: the name {key!r} is {describe(key)}.", cure="Put it in quotes.")
    return value


def as_list(value: object, path: str) -> Sequence[object]:
    """Return `value` as a sequence that is not a string."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InputError(f"{path}: found {describe(value)}, expected a list.", cure="Write [a, b].")
    return value


def as_text(value: object, path: str) -> str:
    """Return `value` as a non-empty string."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{path}: found {describe(value)}, expected text.", cure="Put it in quotes.")
    return value


def as_integer(value: object, path: str) -> int:
    """Return `value` as an integer; 3.0 is not one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{path}: found {describe(value)}, expected an integer.", cure="Write it without a point.")
    return value


def as_number(value: object, path: str) -> float:
    """Return `value` as a finite float; NaN and infinities are errors, never numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{path}: found {describe(value)}, expected a number.", cure="Write it without quotes.")
    try:
        number = float(value)
    except OverflowError as problem:
        raise InputError(f"{path}: the number is too large.", cure="Check its unit.") from problem
    if not math.isfinite(number):
        raise InputError(f"{path}: {number} is not a finite number.", cure="Find out why it could not be computed.")
    return number


def required(mapping: Mapping[str, object], key: str, read: Callable[[object, str], T], path: str) -> T:
    """Read a key that must be there."""
    if key not in mapping:
        raise InputError(f"{path}: {key!r} is missing.", cure="Add it.")
    return read(mapping[key], f"{path}.{key}")


def optional(mapping: Mapping[str, object], key: str, read: Callable[[object, str], T], path: str) -> T | None:
    """Read a key that may be absent; null counts as absent."""
    if mapping.get(key) is None:
        return None
    return read(mapping[key], f"{path}.{key}")


def describe(value: object) -> str:
    """Say what was found, short enough for a message."""
    if value is None:
        return "nothing"
    text = repr(value)
    shown = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
    return f"{KINDS.get(type(value), '')} {shown}".strip()
