"""NumPy's types of numbers as a pickle makes them: how many bytes one takes, and that no bytes become references."""

import re
from collections.abc import Iterator

from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.symbols import Made, Mapping, Value

DTYPE = "numpy.dtype"
CODE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[mM]8|[SUV]\d{1,9}|O8)")
VERSIONS = (3, 4)  # tuples, for what is looked up in them may be a tuple itself, and those are never hashed
REFERENCES = 0b111  # the flags by which an array's items are Python objects, kept as a list


def is_dtype(value: Value) -> bool:
    """Whether it is a type of numbers."""
    return isinstance(value, Made) and value.of.dotted == DTYPE


def has_objects(dtype: Made) -> bool:
    """Whether items of the type are Python objects."""
    return _code(dtype).startswith("O")


def item_size(dtype: Made) -> int:
    """Return how many bytes an item takes; held by `hold_dtype`."""
    code = _code(dtype)
    return int(code[1:]) * (4 if code.startswith("U") else 1)


def hold_dtype(target: Made) -> None:
    """Hold that the state of a type says no more than its code: its size, and whether items are objects.

    NumPy takes size and flags from the state; bytes that it took for references would be the end of all safety.

    Raises:
        NotPlain: the state says something else, or is not one that NumPy writes.
    """
    if not is_dtype(target):
        return
    state = target.state
    if not isinstance(state, tuple) or len(state) not in {8, 9} or state[0] not in VERSIONS:
        raise NotPlain("it has a numpy.dtype with a state that is not known")
    sub_array, fields, size, flags = state[2], state[4], state[5], state[7]
    if sub_array is not None or not isinstance(flags, int) or not _is_size(target, size):
        raise NotPlain("it has a numpy.dtype whose state says another size")
    if flags & REFERENCES != (REFERENCES if has_objects(target) else 0):
        raise NotPlain("it has a numpy.dtype whose state says what its items are")
    for dtype, offset in _of_fields(fields):
        if has_objects(dtype) or not 0 <= offset <= item_size(target) - item_size(dtype):
            raise NotPlain("it has a numpy.dtype of fields with objects, or of fields that lie outside")


def _is_size(dtype: Made, size: Value) -> bool:
    """NumPy takes the size of texts, bytes and records from the state; where it does not, it writes -1."""
    return size == item_size(dtype) or (size == -1 and _code(dtype)[0] not in "SUV")


def _of_fields(fields: Value) -> Iterator[tuple[Made, int]]:
    if fields is None:
        return
    if not isinstance(fields, Mapping) or fields.more:
        raise NotPlain("it has a numpy.dtype with fields that are not known")
    fields.fixed = True  # NumPy keeps this very dictionary
    for field in fields.items.values():
        dtype, offset = field[:2] if isinstance(field, tuple) and len(field) > 1 else (None, None)
        if not isinstance(dtype, Made) or not is_dtype(dtype) or not isinstance(offset, int):
            raise NotPlain("it has a numpy.dtype with a field that is not known")
        yield dtype, offset


def _code(dtype: Made) -> str:
    code = dtype.arguments[0] if isinstance(dtype.arguments, tuple) and dtype.arguments else ""
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise NotPlain("it has a numpy.dtype without a code that is known")
    return code.lstrip("<>|=")
