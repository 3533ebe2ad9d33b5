"""Pickles that are good but for some bytes: the reader only ever answers, and what it takes names nothing else."""

import _compat_pickle
import io
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ml_cicd.registry.formats.callables import known_callables
from ml_cicd.registry.formats.pickle_machine import Rules
from ml_cicd.registry.formats.pickles import problems_in

OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
WORDS = [b"cos\nsystem\n", b"\x8c\x02os\x8c\x06system\x93", b"(X\x02\x00\x00\x00idtR", b"q\x00", b"h\x00", b"\x94"]


class Anything:
    """What a callable of a pickle stands for here: it takes whatever it is called or filled with."""

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        """Take anything."""

    def __setstate__(self, _state: Any) -> None:
        """Take any state."""

    def __setitem__(self, _key: Any, _value: Any) -> None:
        """Take any item."""

    def append(self, _value: Any) -> None:
        """Take any value."""


@cache
def good() -> tuple[bytes, ...]:
    """Return pickles of a model, in every protocol."""
    rows = np.arange(8.0).reshape(4, 2)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, [0, 0, 1, 1])
    rest = {"a": OrderedDict(b=1), "c": {1, 2}, "d": np.float64(1), "e": [b"x", "y" * 300, 2**80]}
    return tuple(pickle.dumps(what, protocol) for protocol in range(6) for what in (model, rest))


def names_of(data: bytes, unpickler: Any) -> list[tuple[str, str]]:
    """Load it with a real unpickler that makes nothing, and return what it looked up."""
    found: list[tuple[str, str]] = []

    class Recording(unpickler):  # type: ignore[misc]  # either of the two
        def find_class(self, module: str, name: str) -> Any:
            found.append((module, name))
            return Anything

    stream = io.BytesIO(data)
    try:
        while stream.tell() < len(data):
            Recording(stream).load()
    except Exception:  # noqa: BLE001  # what it looked up counts, not whether it gets through
        pass
    return found


def is_known(module: str, name: str) -> bool:
    """Whether a callable is in the lists, by the name of either Python."""
    renamed = _compat_pickle.NAME_MAPPING.get((module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name))
    return (module, name) in known_callables() or renamed in known_callables()


@st.composite
def mutated(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """Draw a good pickle with a few bytes replaced, put in, taken out, doubled or brought over from another."""
    data = bytearray(draw(st.sampled_from(good())))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.sampled_from(OPCODES + WORDS) | st.binary(min_size=1, max_size=3))
        other = draw(st.sampled_from(good()))
        start = draw(st.integers(0, len(other)))
        size = draw(st.integers(0, 40))
        match draw(st.sampled_from(["replace", "insert", "delete", "double", "splice"])):
            case "replace":
                data[at : at + len(piece)] = piece
            case "insert":
                data[at:at] = piece
            case "delete":
                del data[at : at + size]
            case "double":
                data[at:at] = data[at : at + size]
            case _:
                data[at:at] = other[start : start + size]
    return bytes(data)


def check(data: bytes) -> bool:
    """Hold the property; return whether it was taken."""
    problems = list(problems_in(io.BytesIO(data), Rules()))
    if problems:
        return False
    for unpickler in (pickle.Unpickler, pickle._Unpickler):  # the one in Python
        unknown = [name for name in names_of(data, unpickler) if not is_known(*name)]
        assert unknown == []
    return True


@settings(max_examples=1500, deadline=None)
@given(mutated())
@example(b"")
@example(b"\x80")
def test_whatever_is_taken_names_nothing_else(data: bytes) -> None:
    """A refusal or nothing for any bytes; both real unpicklers look up known names alone in what is taken."""
    check(data)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(OPCODES + WORDS) | st.binary(max_size=2), max_size=30).map(b"".join))
def test_any_opcodes_are_judged(data: bytes) -> None:
    """The same for opcodes in any order."""
    check(data + b".")


def test_the_good_ones_are_taken() -> None:
    """What is mutated above is taken as it is."""
    assert all(check(data) for data in good())
