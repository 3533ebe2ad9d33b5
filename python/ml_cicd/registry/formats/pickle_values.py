"""The opcodes of a pickle that make plain values, fill containers and use the memo; pickles.py has those that call."""

import pickle
import re
from collections.abc import Callable

from ml_cicd.registry.formats.callables import FILLED
from ml_cicd.registry.formats.pickle_machine import Machine
from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.symbols import Kind, Made, Mapping, Value

LONGEST_TUPLE = 64
LARGEST_MAPPING = 512
NUMBER = re.compile(rb"\d{1,9}")
DECIMAL = re.compile(rb"-?\d{1,9}")
Operation = Callable[[Machine], None]


def _pushes(value: Value) -> Operation:
    return lambda machine: machine.push(value)


def _skipped(size: int, kind: Kind) -> Operation:
    def skip(machine: Machine) -> None:
        machine.stream.skip(machine.stream.number(size))
        machine.push(kind)

    return skip


def _small_number(size: int) -> Operation:
    return lambda machine: machine.push(machine.stream.number(size))


def _signed(machine: Machine) -> None:
    machine.push(int.from_bytes(machine.stream.take(4), "little", signed=True))


def _long1(machine: Machine) -> None:
    data = machine.stream.take(machine.stream.number(1))
    machine.push(int.from_bytes(data, "little", signed=True) if len(data) <= 8 else Kind.DATA)


def _float(machine: Machine) -> None:
    machine.stream.skip(8)
    machine.push(Kind.DATA)


def _number_line(machine: Machine) -> None:
    line = machine.stream.line().removesuffix(b"L")
    if line in {b"00", b"01"}:
        machine.push(line == b"01")
    else:
        machine.push(int(line) if DECIMAL.fullmatch(line) else Kind.DATA)


def _float_line(machine: Machine) -> None:
    machine.stream.line()
    machine.push(Kind.DATA)


def _string_line(machine: Machine) -> None:
    """A text of Python 2; it can name nothing."""
    machine.stream.line()
    machine.push(Kind.BYTES)


def _unicode_line(machine: Machine) -> None:
    machine.text(machine.stream.line(), "raw-unicode-escape")


def _unicode(size: int) -> Operation:
    def read(machine: Machine) -> None:
        length = machine.stream.number(size)
        if machine.keeps(length):
            machine.text(machine.stream.take(length))
        else:
            machine.stream.skip(length)
            machine.push(Kind.TEXT)

    return read


def _tuple(size: int) -> Operation:
    def build(machine: Machine) -> None:
        found = [machine.pop() for _ in range(size)]
        machine.push(tuple(reversed(found)))

    return build


def _tuple_from_mark(machine: Machine) -> None:
    found = machine.pop_mark()
    machine.push(tuple(found) if len(found) <= LONGEST_TUPLE else Kind.TUPLE)


def _from_mark(kind: Kind) -> Operation:
    def build(machine: Machine) -> None:
        machine.pop_mark()
        machine.push(kind)

    return build


def _dict_from_mark(machine: Machine) -> None:
    found = machine.pop_mark()
    machine.push(Mapping())
    _fill(machine, found)


def _empty_dict(machine: Machine) -> None:
    machine.push(Mapping())


def _fill(machine: Machine, found: list[Value]) -> None:
    target = machine.top()
    if len(found) % 2:
        raise NotPlain("it fills a dictionary with a key alone")
    if isinstance(target, Made):
        _hold_filled(target)
    elif isinstance(target, Mapping) and not target.fixed:
        for key, value in zip(found[::2], found[1::2], strict=True):
            if isinstance(key, str) and len(target.items) < LARGEST_MAPPING:
                target.items[key] = value
            else:
                target.more = True
    else:
        raise NotPlain("it fills what is no dictionary")


def _hold_filled(target: Made) -> None:
    if target.of.dotted not in FILLED:
        raise NotPlain(f"it fills a {target.of.dotted}")


def _set_item(machine: Machine) -> None:
    value, key = machine.pop(), machine.pop()
    _fill(machine, [key, value])


def _set_items(machine: Machine) -> None:
    _fill(machine, machine.pop_mark())


def _append(machine: Machine) -> None:
    machine.pop()
    _hold_list(machine)


def _appends(machine: Machine) -> None:
    machine.pop_mark()
    _hold_list(machine)


def _hold_list(machine: Machine) -> None:
    target = machine.top()
    if isinstance(target, Made):
        _hold_filled(target)
    elif target is not Kind.LIST:
        raise NotPlain("it appends to what is no list")


def _add_items(machine: Machine) -> None:
    machine.pop_mark()
    if machine.top() is not Kind.SET:
        raise NotPlain("it adds to what is no set")


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.pop()
    else:
        machine.pop_mark()


def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


def _duplicate(machine: Machine) -> None:
    machine.push(machine.top())


def _put_line(machine: Machine) -> None:
    machine.remember(_index(machine))


def _get_line(machine: Machine) -> None:
    machine.recall(_index(machine))


def _index(machine: Machine) -> int:
    line = machine.stream.line()
    if not NUMBER.fullmatch(line):
        raise NotPlain("it has a place of its memo that is no number")
    return int(line)


def _put(size: int) -> Operation:
    return lambda machine: machine.remember(machine.stream.number(size))


def _get(size: int) -> Operation:
    return lambda machine: machine.recall(machine.stream.number(size))


def _memoize(machine: Machine) -> None:
    machine.remember(len(machine.memo))


VALUES: dict[bytes, Operation] = {
    pickle.NONE: _pushes(None),
    pickle.NEWTRUE: _pushes(True),
    pickle.NEWFALSE: _pushes(False),
    pickle.INT: _number_line,
    pickle.LONG: _number_line,
    pickle.FLOAT: _float_line,
    pickle.BININT: _signed,
    pickle.BININT1: _small_number(1),
    pickle.BININT2: _small_number(2),
    pickle.LONG1: _long1,
    pickle.LONG4: _skipped(4, Kind.DATA),
    pickle.BINFLOAT: _float,
    pickle.STRING: _string_line,
    pickle.SHORT_BINSTRING: _skipped(1, Kind.BYTES),
    pickle.BINSTRING: _skipped(4, Kind.BYTES),
    pickle.SHORT_BINBYTES: _skipped(1, Kind.BYTES),
    pickle.BINBYTES: _skipped(4, Kind.BYTES),
    pickle.BINBYTES8: _skipped(8, Kind.BYTES),
    pickle.BYTEARRAY8: _skipped(8, Kind.BYTES),
    pickle.UNICODE: _unicode_line,
    pickle.SHORT_BINUNICODE: _unicode(1),
    pickle.BINUNICODE: _unicode(4),
    pickle.BINUNICODE8: _unicode(8),
    pickle.EMPTY_TUPLE: _pushes(()),
    pickle.TUPLE1: _tuple(1),
    pickle.TUPLE2: _tuple(2),
    pickle.TUPLE3: _tuple(3),
    pickle.TUPLE: _tuple_from_mark,
    pickle.EMPTY_LIST: _pushes(Kind.LIST),
    pickle.LIST: _from_mark(Kind.LIST),
    pickle.EMPTY_DICT: _empty_dict,
    pickle.DICT: _dict_from_mark,
    pickle.EMPTY_SET: _pushes(Kind.SET),
    pickle.FROZENSET: _from_mark(Kind.DATA),
    pickle.APPEND: _append,
    pickle.APPENDS: _appends,
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: _set_items,
    pickle.ADDITEMS: _add_items,
    pickle.MARK: Machine.mark,
    pickle.POP: _pop,
    pickle.POP_MARK: _pop_mark,
    pickle.DUP: _duplicate,
    pickle.PUT: _put_line,
    pickle.BINPUT: _put(1),
    pickle.LONG_BINPUT: _put(4),
    pickle.MEMOIZE: _memoize,
    pickle.GET: _get_line,
    pickle.BINGET: _get(1),
    pickle.LONG_BINGET: _get(4),
}
