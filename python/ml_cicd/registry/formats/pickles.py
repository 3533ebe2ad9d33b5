"""What a pickle would call when it is loaded, told from its opcodes; nothing of it is made, imported or called.

Every callable must be in a list of harmless ones (callables.py) or among those that the user allows, and must be named
by texts that stand in the pickle as they are. What no pickler writes is refused even where an unpickler would take it:
whoever reads the same bytes later, in C, in Python, by joblib or by torch, must not see another pickle than this one.
"""

import pickle
from collections.abc import Iterator

from ml_cicd.registry.formats.arrays import hold_dtype
from ml_cicd.registry.formats.callables import FILLED
from ml_cicd.registry.formats.pickle_machine import Machine, Rules
from ml_cicd.registry.formats.pickle_stream import NotPlain, PickleStream, Readable
from ml_cicd.registry.formats.pickle_values import VALUES, Operation
from ml_cicd.registry.formats.symbols import Made, Mapping, Value

MOST_OPCODES = 20_000_000  # some twenty seconds
STOP = pickle.STOP[0]


def problems_in(stream: Readable, rules: Rules) -> Iterator[str]:
    """Yield what a stream of pickles calls that is not known to be harmless, or why it cannot be judged."""
    source = PickleStream(stream)
    ended = False
    while not ended:
        machine = Machine(stream=source, rules=rules)
        try:
            read_pickle(machine)
            ended = source.ended()
        except NotPlain as problem:
            yield from machine.problems
            yield f"is no plain pickle: {problem} (byte {source.position})"
            return
        yield from machine.problems


def read_pickle(machine: Machine) -> Value:
    """Read one pickle up to its STOP and return what it makes.

    Raises:
        NotPlain: it is no pickle that a pickler writes. What it calls is in the machine's `problems`.
    """
    following = machine.stream.next_opcode
    for _opcode in range(MOST_OPCODES):
        code = following()
        if code is None:
            raise NotPlain("it ends before its end")
        if code == STOP:
            return _last(machine)
        operation = OPERATIONS.get(code)
        if operation is None:
            raise NotPlain(f"it has the byte 0x{code:02x} where an opcode should be")
        machine.opcodes += 1
        operation(machine)
    raise NotPlain(f"it has more than {MOST_OPCODES:,} opcodes, more than are looked through")


def _last(machine: Machine) -> Value:
    machine.stream.end_frame()
    if machine.marks or len(machine.stack) != 1:
        raise NotPlain("it leaves more or less than one object")
    return machine.stack[0]


def _protocol(machine: Machine) -> None:
    machine.protocol = machine.stream.number(1)
    # Later ones would change how names are read, half-way through.
    if machine.opcodes != 1 or machine.protocol > pickle.HIGHEST_PROTOCOL:
        raise NotPlain(f"it says protocol {machine.protocol}, or says it late")


def _frame(machine: Machine) -> None:
    machine.stream.begin_frame()


def _names(machine: Machine) -> tuple[str, str]:
    lines = machine.stream.line(), machine.stream.line()
    if not all(line.isascii() for line in lines):
        raise NotPlain("it names something in other letters than ASCII")
    return lines[0].decode("ascii"), lines[1].decode("ascii")


def _global(machine: Machine) -> None:
    machine.push(machine.find(*_names(machine)))


def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise NotPlain("it computes a name")
    machine.push(machine.find(module, name))


def _inst(machine: Machine) -> None:
    """Python 2's classes: no pickler of today writes it."""
    found = machine.find(*_names(machine))
    raise NotPlain(f"it makes a {found.dotted} as Python 2 did")


def _reduce(machine: Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.call(function, arguments)


def _new(machine: Machine) -> None:
    arguments, made = machine.pop(), machine.pop_class()
    machine.new(made, arguments)


def _new_by_name(machine: Machine) -> None:
    names, arguments, made = machine.pop(), machine.pop(), machine.pop_class()
    if not isinstance(names, Mapping):
        raise NotPlain("it calls with names that are no dictionary")
    machine.new(made, (*arguments, names) if isinstance(arguments, tuple) else arguments)


def _build(machine: Machine) -> None:
    state, target = machine.pop(), machine.top()
    if not isinstance(target, Made) or target.state is not None:
        raise NotPlain("it gives a state to what is no fresh object")
    _hold_state(state)
    target.state = state
    hold_dtype(target)
    made = machine.rules.built(machine, target)
    machine.stack[-1] = made


def _hold_state(state: Value) -> None:
    """A state that sets attributes one by one would reach properties and the class; no listed class has one."""
    if state is None:
        raise NotPlain("it gives no state")
    if isinstance(state, tuple) and len(state) == 2 and _is_dictionary(state[1]):
        raise NotPlain("it sets attributes one by one")
    if not isinstance(state, Mapping) and _is_dictionary(state):
        raise NotPlain("it gives a state that is no plain dictionary")
    if isinstance(state, Mapping) and state.more:
        raise NotPlain("it gives a state of more than can be looked at")
    if isinstance(state, Mapping) and any(key.startswith("__") and key.endswith("__") for key in state.items):
        raise NotPlain("it sets an attribute that Python itself reads")


def _is_dictionary(value: Value) -> bool:
    """Whether an unpickler takes it for one: its subclasses are filled as it is."""
    return isinstance(value, Mapping) or (isinstance(value, Made) and value.of.dotted in FILLED)


def _persistent_id(machine: Machine) -> None:
    machine.push(machine.rules.persistent(machine.pop()))


def _never(why: str) -> Operation:
    def refuse(_machine: Machine) -> None:
        raise NotPlain(why)

    return refuse


CALLS: dict[bytes, Operation] = {
    pickle.PROTO: _protocol,
    pickle.FRAME: _frame,
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _stack_global,
    pickle.INST: _inst,
    pickle.OBJ: _never("it makes an object as Python 2 did"),
    pickle.REDUCE: _reduce,
    pickle.NEWOBJ: _new,
    pickle.NEWOBJ_EX: _new_by_name,
    pickle.BUILD: _build,
    pickle.PERSID: _never("it has a persistent id as a line"),
    pickle.BINPERSID: _persistent_id,
    pickle.EXT1: _never("it names something by a number of a registry"),
    pickle.EXT2: _never("it names something by a number of a registry"),
    pickle.EXT4: _never("it names something by a number of a registry"),
    pickle.NEXT_BUFFER: _never("it has bytes outside of itself"),
    pickle.READONLY_BUFFER: _never("it has bytes outside of itself"),
}
OPERATIONS = {code[0]: operation for code, operation in (VALUES | CALLS).items()}
