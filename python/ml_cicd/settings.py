"""How a section of the configuration declares itself, once: its reader, its defaults and the published schema.

    @dataclass(frozen=True, kw_only=True, slots=True)
    class GateSettings:
        confidence: float = setting(number(above=0.5, below=1), "One-sided confidence of each bound.", default=0.95)

Values are read with the getters of `parse`; an error says file, line, path, what was found and what is allowed. A class
checks what concerns several of its values in `__post_init__`.
"""

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeAlias, TypeVar

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import as_list, as_mapping, as_number, as_text, describe, suggest
from ml_cicd.ground.yaml_text import KeyPath

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Schema: TypeAlias = dict[str, Any]
Doors: TypeAlias = Callable[[Mapping[str, str], str], type]  # (a wing's table of doors, name) -> the door's settings
NAME = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"
TIME, UNITS = r"^[0-9]+(\.[0-9]+)?(s|m|h)$", {"h": 3600, "m": 60, "s": 1}
LIMITS = {
    "least": (operator.ge, "at least", "minimum"),
    "most": (operator.le, "at most", "maximum"),
    "above": (operator.gt, "more than", "exclusiveMinimum"),
    "below": (operator.lt, "less than", "exclusiveMaximum"),
}


@dataclass(frozen=True, slots=True)
class At:
    """Where a value stands."""

    where: str
    line: Callable[[KeyPath], int]
    doors: Doors
    path: KeyPath = ()

    def __truediv__(self, key: str | int) -> "At":
        return dataclasses.replace(self, path=(*self.path, key))

    def __str__(self) -> str:
        return f"{self.where}, line {self.line(self.path)}: {'.'.join(map(str, self.path)) or 'the file'}"

    def found(self, value: object, cure: str) -> InputError:
        """Say what stands here, and what to write instead."""
        return InputError(f"{self}: found {describe(value)}.", cure=cure)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What a setting may be: how it is read (raises `InputError`), its JSON Schema, and how it is written."""

    read: Callable[[object, At], T]
    schema: Callable[[Doors], Schema]
    write: Callable[[T], object] = lambda value: value


@dataclass(frozen=True, slots=True)
class Chosen:
    """One door of several, by name, with its own settings."""

    kind: str
    settings: object


def setting(kind: Kind[T], description: str, *, default: Any = MISSING) -> Any:  # noqa: ANN401  # the field's own type
    """Declare one setting; without a default it must be written."""
    metadata = {"kind": kind, "description": description, "default": default}
    if isinstance(default, Mapping):  # a dataclass wants a factory for what could be changed
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


def text(pattern: str = "", *, allowed: str = "") -> Kind[str]:
    """Text that is not empty, of a pattern where there is one; `env:NAME` may stand for any."""

    def read(value: object, at: At) -> str:
        if not re.search(f"{pattern}|^env:", as_text(value, str(at))):
            raise at.found(value, allowed)
        return str(value)

    schema: Schema = {"pattern": f"{pattern}|^env:"} if pattern else {"minLength": 1}
    return Kind(read, lambda _: {"type": "string", **schema})


def number(*, whole: bool = False, **limits: float) -> Kind[Any]:
    """A finite number within `least`, `most`, `above`, `below`; 3.0 is whole, as in JSON Schema."""
    only = limits["least"] if limits.get("least") == limits.get("most", math.nan) else None

    def read(value: object, at: At) -> float:
        found = as_number(value, str(at))
        if whole and not found.is_integer():
            raise at.found(value, "Write a whole number.")
        if whole:
            found = int(value)  # type: ignore[call-overload]  # not by way of a float, which rounds a large one
        if only is not None and found != only:
            raise at.found(value, f"Allowed: {only}.")
        for name, limit in limits.items():
            holds, words, _ = LIMITS[name]
            if not holds(found, limit):
                raise at.found(value, f"It must be {words} {limit}.")
        return found

    schema = {LIMITS[name][2]: limit for name, limit in limits.items()}
    return Kind(read, lambda _: {"type": "integer" if whole else "number", **schema})


def duration() -> Kind[float]:
    """A time in seconds, written as a number or as 60s, 30m, 2h."""

    def read(value: object, at: At) -> float:
        if isinstance(value, str) and re.fullmatch(TIME, value):
            return as_number(float(value[:-1]) * UNITS[value[-1]], str(at))
        if isinstance(value, str) or as_number(value, str(at)) < 0:
            raise at.found(value, "Write seconds as a number, or 60s, 30m, 2h.")
        return as_number(value, str(at))

    def write(value: float) -> object:
        unit = next((u for u, size in UNITS.items() if value and value % size == 0), "")
        return f"{int(value) // UNITS[unit]}{unit}" if unit else value

    schema = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": TIME}]}
    return Kind(read, lambda _: schema, write)


def choice(of: type[E]) -> Kind[E]:
    """One of an enum's values."""

    def read(value: object, at: At) -> E:
        if not isinstance(value, str) or value not in set(of):
            raise at.found(value, suggest(str(value), list(of)))
        return of(value)

    return Kind(read, lambda _: {"enum": [one.value for one in of]}, lambda value: value.value)


def each(kind: Kind[T], *, least: int = 1, most: int = 1000) -> Kind[tuple[T, ...]]:
    """A list."""

    def read(value: object, at: At) -> tuple[T, ...]:
        found = as_list(value, str(at))
        if not least <= len(found) <= most:
            raise at.found(value, f"It needs {least} to {most} values.")
        return tuple(kind.read(item, at / index) for index, item in enumerate(found))

    def schema(doors: Doors) -> Schema:
        return {"type": "array", "minItems": least, "maxItems": most, "items": kind.schema(doors)}

    return Kind(read, schema, lambda value: [kind.write(item) for item in value])


def table(kind: Kind[T], *, least: int = 1, most: int = 1000) -> Kind[Mapping[str, T]]:
    """A mapping from names that the user chooses."""

    def read(value: object, at: At) -> Mapping[str, T]:
        found = as_mapping(value, str(at))
        wrong = next((name for name in found if not re.fullmatch(NAME, name)), None)
        if wrong is not None:
            raise (at / wrong).found(wrong, "Use letters, digits, _ and -, at most 32.")
        if not least <= len(found) <= most:
            raise at.found(value, f"It needs at least {least}." if len(found) < least else f"At most {most}.")
        return {name: kind.read(item, at / name) for name, item in found.items()}

    def schema(doors: Doors) -> Schema:
        size = {"minProperties": least, "maxProperties": most, "propertyNames": {"pattern": NAME}}
        return {"type": "object", **size, "additionalProperties": kind.schema(doors)}

    return Kind(read, schema, lambda value: {name: kind.write(item) for name, item in value.items()})


def as_written(*, least: int = 0, allowed: str = "Write more of it.") -> Kind[Mapping[str, Any]]:
    """A mapping that somebody else reads."""

    def read(value: object, at: At) -> Mapping[str, Any]:
        if len(as_mapping(value, str(at))) < least:
            raise at.found(value, allowed)
        return as_mapping(value, str(at))

    return Kind(read, lambda _: {"type": "object", "minProperties": least})


def block(of: type[T]) -> Kind[T]:
    """A section that a class declares."""
    return Kind(lambda value, at: read_block(of, value, at), lambda doors: schema_of(of, doors), write_block)


def parts(tables: Mapping[str, type], *, always: tuple[str, ...] = ()) -> Kind[Mapping[str, Any]]:
    """Sections by name, each declared by a class of a table; `always` are there with their defaults if not written."""

    def read(value: object, at: At) -> Mapping[str, Any]:
        found = as_mapping(value, str(at))
        _refuse_unknown(found, tables, at)
        written: dict[str, Any] = {name: read_block(tables[name], item, at / name) for name, item in found.items()}
        return {**{name: tables[name]() for name in always}, **written}

    def schema(doors: Doors) -> Schema:
        known = {name: schema_of(of, doors) for name, of in tables.items()}
        return {"type": "object", "additionalProperties": False, "properties": known}

    return Kind(read, schema, lambda value: {name: write_block(item) for name, item in value.items()})


def door(doors_by_name: Mapping[str, str]) -> Kind[Chosen]:
    """`kind: NAME` beside the settings that this door declares."""

    def read(value: object, at: At) -> Chosen:
        found = dict(as_mapping(value, str(at)))
        if "kind" not in found:
            raise InputError(f"{at}: 'kind' is missing.", cure=f"Add it: kind: {next(iter(doors_by_name))}")
        kind = found.pop("kind")
        if not isinstance(kind, str) or kind not in doors_by_name:
            raise (at / "kind").found(kind, suggest(str(kind), doors_by_name))
        return Chosen(kind, read_block(at.doors(doors_by_name, kind), found, at))

    def schema(doors: Doors) -> Schema:
        known = [(name, schema_of(doors(doors_by_name, name), doors)) for name in doors_by_name]
        for name, one in known:
            one["properties"] = {"kind": {"const": name}, **one["properties"]}
            one["required"] = ["kind", *one["required"]]
        return {"oneOf": [one for _, one in known]}

    return Kind(read, schema, lambda value: {"kind": value.kind, **write_block(value.settings)})


def read_block(of: type[T], value: object, at: At) -> T:
    """Read a section as the class declares it.

    Raises:
        InputError: an unknown name, a missing one, or a value that its kind refuses.
    """
    found = as_mapping(value, str(at))
    declared = {f.name: f for f in _declared(of)}
    _refuse_unknown(found, declared, at)
    missing = next((name for name, f in declared.items() if _is_required(f) and name not in found), None)
    if missing is not None:
        raise InputError(f"{at}: {missing!r} is missing.", cure=f"Add it: {missing}: ...")
    values = {name: f.metadata["kind"].read(found[name], at / name) for name, f in declared.items() if name in found}
    try:
        return of(**values)
    except InputError as problem:  # the class's own check knows no file
        raise InputError(f"{at}: {problem.what}", cure=problem.cure) from problem


def write_block(value: Any) -> dict[str, object]:  # noqa: ANN401  # an instance of any class with settings
    """Return a section as it would be written, defaults left out; the inverse of `read_block`."""
    given = {f.name: (f, getattr(value, f.name)) for f in _declared(type(value))}
    changed = {name: pair for name, pair in given.items() if pair[1] != pair[0].metadata["default"]}
    return {name: f.metadata["kind"].write(found) for name, (f, found) in changed.items()}


def schema_of(of: type, doors: Doors) -> Schema:
    """Return the JSON Schema of a section."""
    properties: Schema = {}
    for f in _declared(of):
        kind, default = f.metadata["kind"], f.metadata["default"]
        properties[f.name] = {**kind.schema(doors), "description": f.metadata["description"]}
        written: object = None if _is_required(f) or default is None else kind.write(default)
        if written not in (None, {}, []):
            properties[f.name]["default"] = written
    required = [f.name for f in _declared(of) if _is_required(f)]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _declared(of: type) -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(of) if "kind" in f.metadata]


def _is_required(declared: dataclasses.Field[Any]) -> bool:
    return declared.metadata["default"] is MISSING


def _refuse_unknown(found: Mapping[str, object], known: Mapping[str, object], at: At) -> None:
    wrong = next((name for name in found if name not in known), None)
    if wrong is not None:
        raise InputError(f"{at / wrong}: unknown name {wrong!r}.", cure=suggest(wrong, known))
