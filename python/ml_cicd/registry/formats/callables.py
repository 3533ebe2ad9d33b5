"""Which callables a pickle may name, and how: plain data in `known/*.txt`, one a line behind how it may be used.

`value`: named, never called by the pickle. `new`: a class whose instances are made without arguments of a constructor
(`cls.__new__`) and filled. `call`: called with whatever. Any other word is a check of the arguments, below. What is
listed is harmless with whatever else is listed as its arguments or attributes: nothing that imports, opens, evaluates,
looks attributes up by name or makes another pickle be read. `tools/list_callables.py` writes the long lists.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from ml_cicd.registry.formats.arrays import CODE
from ml_cicd.registry.formats.symbols import Global, Kind, Mapping, Value

KNOWN = Path(__file__).parent / "known"
FILLED = frozenset(  # they are filled by APPENDS or SETITEMS, as list and dict are
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.Counter",
        "collections.deque",
        "scipy.sparse._dok.dok_array",
        "scipy.sparse._dok.dok_matrix",
        "sklearn.utils._bunch.Bunch",
    }
)
Arguments = tuple[Value, ...]  # never hashed: a tuple in a tuple in a tuple would end the process


def _text(value: Value) -> bool:
    return isinstance(value, str) or value is Kind.TEXT


def _encode(arguments: Arguments) -> bool:
    """Bytes in the protocols 0 to 2: other codecs would decompress, or be looked up by name."""
    return len(arguments) == 2 and _text(arguments[0]) and _is_latin1(arguments[1])


def _is_latin1(value: Value) -> bool:
    return isinstance(value, str) and value in {"latin1", "latin-1"}


def _filled_later(arguments: Arguments) -> bool:
    """An array of no size, whose state brings its own: others would ask for memory."""
    return (0,) in arguments and all(isinstance(a, Global | str) or a == (0,) or _is_bytes(a) for a in arguments)


def _is_bytes(value: Value) -> bool:
    return value is Kind.BYTES or getattr(getattr(value, "of", None), "dotted", "") == "_codecs.encode"


def _dtype(arguments: Arguments) -> bool:
    """By its code, and a copy: a state would change what everybody else uses too."""
    if len(arguments) != 3 or not isinstance(arguments[1], int) or arguments[2] != 1:
        return False
    return isinstance(arguments[0], str) and CODE.fullmatch(arguments[0]) is not None


def _from_list(arguments: Arguments) -> bool:
    return not arguments or (len(arguments) == 1 and arguments[0] is Kind.LIST)


def _from_bytes(arguments: Arguments) -> bool:
    if len(arguments) == 2:
        return _encode(arguments)
    return not arguments or (len(arguments) == 1 and _is_bytes(arguments[0]))


def _reconstructor(arguments: Arguments) -> bool:
    """What the protocols 0 and 1 have for `cls.__new__`."""
    made, base = arguments[:2] if len(arguments) == 3 else (None, None)
    if not isinstance(made, Global) or not isinstance(base, Global):
        return False
    if base.dotted == "builtins.dict":
        return made.how == "new" and made.dotted in FILLED and isinstance(arguments[2], Mapping)
    return made.how in {"new", "call"} and base.dotted == "builtins.object" and arguments[2] is None


def _dictionary(arguments: Arguments) -> bool:
    return not arguments or (len(arguments) == 1 and isinstance(arguments[0], Mapping))


def _of_scikit_learn(arguments: Arguments) -> bool:
    """A tree or a distance: a type of another library may be one whose making is looked at."""
    made = arguments[0] if len(arguments) == 1 else None
    return isinstance(made, Global) and made.module.startswith("sklearn.")


def _of_pandas(arguments: Arguments) -> bool:
    """An index is made by its class and a dictionary of arguments: of pandas' classes alone."""
    made = arguments[0] if len(arguments) == 2 else None
    return isinstance(made, Global) and made.module.startswith("pandas") and isinstance(arguments[1], Mapping)


def _torch_rebuild(arguments: Arguments) -> bool:
    """A tensor of a subclass: the first argument makes the plain tensor from the third."""
    made = arguments[0] if arguments else None
    return isinstance(made, Global) and made.module == "torch._utils" and made.name.startswith("_rebuild_")


CHECKS: dict[str, Callable[[Arguments], bool]] = {
    "value": lambda _arguments: False,
    "new": lambda _arguments: False,
    "call": lambda _arguments: True,
    "encode": _encode,
    "filled-later": _filled_later,
    "dtype": _dtype,
    "from-list": _from_list,
    "from-bytes": _from_bytes,
    "reconstructor": _reconstructor,
    "dictionary": _dictionary,
    "of-scikit-learn": _of_scikit_learn,
    "of-pandas": _of_pandas,
    "torch-rebuild": _torch_rebuild,
}


@cache
def known_callables() -> dict[tuple[str, str], str]:
    """Return how each callable of the lists may be used, by module and name."""
    found: dict[tuple[str, str], str] = {}
    for file in sorted(KNOWN.glob("*.txt")):
        for line in file.read_text(encoding="ascii").splitlines():
            how, _, dotted = line.partition(" ")
            module, _, name = dotted.rpartition(".")
            if name and how != "#":
                found[module, name] = how
    return found
