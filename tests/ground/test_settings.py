"""Declared settings: read with file, line, path and what is allowed; one declaration gives reader, defaults, schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.yaml_text import read_yaml
from ml_cicd.settings import (
    At,
    Chosen,
    Kind,
    as_written,
    block,
    choice,
    door,
    duration,
    each,
    number,
    parts,
    read_block,
    schema_of,
    setting,
    table,
    text,
    write_block,
)


class Colour(StrEnum):
    """Two of them."""

    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """A part of its own."""

    spokes: int = setting(number(whole=True, least=3), "How many.", default=36)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bicycle:
    """All kinds of settings."""

    name: str = setting(text("^[a-z]+$", allowed="Write small letters."), "Its name.")
    weight: float = setting(number(above=0, most=30), "In kg.", default=12.5)
    colour: Colour = setting(choice(Colour), "Its colour.", default=Colour.RED)
    rest: float = setting(duration(), "Between two rides.", default=60.0)
    owners: tuple[str, ...] = setting(each(text(), most=2), "Who rides it.", default=())
    wheels: Mapping[str, Wheel] = setting(table(block(Wheel), least=2, most=2), "By name.", default={})
    lamp: Chosen | None = setting(door({"led": "lamps.led", "dynamo": "lamps.dynamo"}), "What shines.", default=None)
    extras: Mapping[str, Any] = setting(parts({"bell": Wheel}), "What else.", default={})
    notes: Mapping[str, Any] = setting(as_written(), "Not ours.", default={})

    def __post_init__(self) -> None:
        """Refuse what only two settings together can be wrong about."""
        if self.colour is Colour.GREEN and self.weight > 20:
            raise InputError("A green one is never heavy.", cure="Paint it.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Led:
    """One door's settings."""

    volts: float = setting(number(least=1), "Of its battery.", default=3.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dynamo:
    """Another door's settings."""

    side: str = setting(text(), "Left or right.")


WHOLE = """\
name: otto
weight: 10
colour: green
rest: 2h
owners: [ann, bob]
wheels: {front: {spokes: 32}, back: {}}
lamp: {kind: led, volts: 6}
extras: {bell: {spokes: 4}}
notes: {anything: [1, {x: y}]}
"""


def doors(names: Mapping[str, str], name: str) -> type:
    """Return a door's settings."""
    return {"lamps.led": Led, "lamps.dynamo": Dynamo}[names[name]]


def read(content: str, of: type = Bicycle) -> Any:
    """Read a text as a file `b.yml`."""
    document = read_yaml(content, "b.yml")
    return read_block(of, document.value, At("b.yml", document.line, doors))


def test_everything_is_read() -> None:
    """Each kind gives what its field says."""
    found = read(WHOLE)
    assert (found.name, found.weight, found.colour, found.rest) == ("otto", 10.0, Colour.GREEN, 7200.0)
    assert found.owners == ("ann", "bob")
    assert found.wheels == {"front": Wheel(spokes=32), "back": Wheel()}
    assert found.lamp == Chosen("led", Led(volts=6.0))
    assert found.extras == {"bell": Wheel(spokes=4)}
    assert found.notes == {"anything": [1, {"x": "y"}]}


def test_defaults_are_the_declared_ones() -> None:
    """What is not written is what the declaration says."""
    assert read("name: otto") == Bicycle(name="otto")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("weight: 1", "b.yml, line 1: the file: 'name' is missing. Add it: name: ..."),
        ("name: Otto", "b.yml, line 1: name: found the text 'Otto'. Write small letters."),
        ("name: 3", "b.yml, line 1: name: found the number 3, expected text."),
        ("name: otto\nwieght: 3", "b.yml, line 2: wieght: unknown name 'wieght'. Did you mean 'weight'?"),
        ("name: otto\nweight: 0", "b.yml, line 2: weight: found the number 0. It must be more than 0."),
        ("name: otto\nweight: 31", "It must be at most 30."),
        ("name: otto\nweight: true", "b.yml, line 2: weight: found True, expected a number."),
        ("name: otto\ncolour: grene", "b.yml, line 2: colour: found the text 'grene'. Did you mean 'green'?"),
        ("name: otto\nrest: soon", "Write seconds as a number, or 60s, 30m, 2h."),
        ("name: otto\nrest: -1", "Write seconds as a number, or 60s, 30m, 2h."),
        ("name: otto\nowners: ann", "b.yml, line 2: owners: found the text 'ann', expected a list."),
        ("name: otto\nowners: []", "It needs 1 to 2 values."),
        ("name: otto\nowners:\n- ann\n- ''", "b.yml, line 4: owners.1: found the text '', expected text."),
        ("name: otto\nwheels: {a: {}}", "It needs at least 2."),
        ("name: otto\nwheels: {a: {}, b: {}, c: {}}", "At most 2."),
        ("name: otto\nwheels: {a: {}, 'b c': {}}", "b.yml, line 2: wheels.b c: found the text 'b c'."),
        ("name: otto\nwheels: {a: {}, b: {spokes: 2}}", "b.yml, line 2: wheels.b.spokes: found the number 2."),
        ("name: otto\nwheels: {a: {}, b: {spokes: 3.5}}", "Write a whole number."),
        ("name: otto\nlamp: {kind: [led]}", "lamp.kind: found the list ['led']. Did you mean 'led'?"),
        ("name: otto\nlamp: {kind: {led: 1}}", "lamp.kind: found the mapping {'led': 1}. Allowed: dynamo, led."),
        ("name: otto\nlamp: {kind: }", "lamp.kind: found nothing. Allowed: dynamo, led."),
        ("name: otto\nlamp: {volts: 3}", "b.yml, line 2: lamp: 'kind' is missing. Add it: kind: led"),
        ("name: otto\nlamp: {kind: lde}", "b.yml, line 2: lamp.kind: found the text 'lde'. Did you mean 'led'?"),
        ("name: otto\nlamp: {kind: dynamo}", "b.yml, line 2: lamp: 'side' is missing."),
        ("name: otto\nlamp: {kind: dynamo, volts: 3}", "b.yml, line 2: lamp.volts: unknown name 'volts'."),
        ("name: otto\nextras: {horn: {}}", "b.yml, line 2: extras.horn: unknown name 'horn'. Allowed: bell."),
        ("name: otto\nnotes: 3", "b.yml, line 2: notes: found the number 3, expected a mapping."),
        ("name: otto\ncolour: green\nweight: 25", "b.yml, line 1: the file: A green one is never heavy. Paint it."),
        ("[1]", "b.yml, line 1: the file: found the list [1], expected a mapping."),
    ],
)
def test_a_wrong_value_is_named(content: str, says: str) -> None:
    """File, line, path, what was found, what is allowed."""
    with pytest.raises(InputError) as problem:
        read(content)
    assert says in str(problem.value)
    assert problem.value.cure


@pytest.mark.parametrize(
    ("written", "seconds"), [("60s", 60.0), ("30m", 1800.0), ("1.5h", 5400.0), ("15", 15.0), ("0", 0)]
)
def test_durations(written: str, seconds: float) -> None:
    """A number of seconds, or a number with its unit."""
    assert read(f"name: otto\nrest: {written}").rest == seconds


def test_a_section_is_written_as_it_was_read() -> None:
    """Defaults are left out, and a second reading gives the same."""
    found = read(WHOLE)
    written = write_block(found)
    assert written["rest"] == "2h"
    assert written["lamp"] == {"kind": "led", "volts": 6.0}
    assert written["wheels"] == {"front": {"spokes": 32}, "back": {}}
    assert read_block(Bicycle, written, At("x", lambda _: 1, doors)) == found
    assert write_block(Bicycle(name="otto")) == {"name": "otto"}


def test_the_schema_says_the_same() -> None:
    """What the reader takes, the schema takes; description and default stand in it."""
    schema = schema_of(Bicycle, doors)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(read_yaml(WHOLE, "").value)
    assert schema["required"] == ["name"]
    assert schema["properties"]["weight"] == {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 30,
        "description": "In kg.",
        "default": 12.5,
    }
    assert schema["properties"]["colour"]["default"] == "red"
    assert schema["properties"]["rest"]["default"] == "1m"
    kinds = [one["properties"]["kind"] for one in schema["properties"]["lamp"]["oneOf"]]
    assert kinds == [{"const": "led"}, {"const": "dynamo"}]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (text("^a"), ["a", "env:X"], ["b", 1, ""]),
        (number(least=0, below=1), [0, 0.5], [1, -1, "0", True]),
        (number(whole=True), [3, 3.0, -2e3, 2**70], [3.5, "3", True]),
        (number(whole=True, least=1, most=1), [1, 1.0], [2, 0, "1"]),
        (duration(), [0, 1.5, "1s", "2.5h"], [-1, "soon", "1d"]),
        (choice(Colour), ["red"], ["blue", 1]),
        (each(text(), most=2), [["a"], ["a", "b"]], [[], ["a"] * 3, "a", [1]]),
        (table(number()), [{"a": 1}], [{}, {"a b": 1}, {"a": "x"}, []]),
        (block(Wheel), [{}, {"spokes": 3}], [{"spokes": 2}, {"x": 1}, []]),
        (parts({"bell": Wheel}), [{}, {"bell": {}}], [{"horn": {}}, []]),
        (as_written(least=1), [{"x": [1]}], [{}, 3]),
        (
            door({"led": "lamps.led"}),
            [{"kind": "led"}, {"kind": "led", "volts": 2}],
            [{}, {"kind": "x"}, {"kind": ["led"]}, {"kind": {}}, {"kind": "led", "volts": 0}],
        ),
    ],
    ids=[
        "text",
        "number",
        "whole",
        "only",
        "duration",
        "choice",
        "each",
        "table",
        "block",
        "parts",
        "as_written",
        "door",
    ],
)
def test_reader_and_schema_agree(kind: Kind[Any], good: list[Any], bad: list[Any]) -> None:
    """They take and refuse the same values."""
    validator = Draft202012Validator(kind.schema(doors))
    at = At("x", lambda _: 1, doors)
    for value in good:
        kind.read(value, at)
        assert validator.is_valid(value), value
    for value in bad:
        with pytest.raises(InputError):
            kind.read(value, at)
        assert not validator.is_valid(value), value


@pytest.mark.parametrize("value", [2**53 + 1, 10**30 + 1, 200.0])
def test_a_whole_number_is_kept_to_its_last_digit(value: float) -> None:
    """Nothing is rounded on the way through a float, and 200.0 is the integer 200."""
    found = number(whole=True, least=1).read(value, At("x", lambda _: 1, doors))
    assert (found, type(found)) == (value, int)


def test_the_only_value_is_named() -> None:
    """Where one number is allowed, the cure says it and no limit."""
    with pytest.raises(InputError, match=r"found the number 2\. Allowed: 1\."):
        number(whole=True, least=1, most=1).read(2, At("x", lambda _: 1, doors))
