"""The machine that a pickle is read on: symbols on its stack in the place of values, and what may be done with them."""

import _compat_pickle
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ml_cicd.registry.formats.callables import CHECKS, known_callables
from ml_cicd.registry.formats.pickle_stream import NotPlain, PickleStream
from ml_cicd.registry.formats.symbols import Global, Kind, Made, Value

MOST_TEXTS = 2_000_000  # that are kept as they are; later ones can name nothing
LONGEST_TEXT = 120
MOST_SHOWN = 20
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_<][A-Za-z0-9_<>]*)*")
ANYTHING = "call"  # how a callable may be used that the user allows
BY_VALUE = "cloudpickle"
ALONE = "alone"
HANDED_ON = "it hands on the class whose objects change how what follows is read"


def no_persistent_id(_value: Value) -> Value:
    """Most containers have none."""
    raise NotPlain("it has a persistent id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the container of a pickle adds: callables that the user allows, objects outside, a hook after BUILD."""

    allowed: frozenset[str] = frozenset()
    also: Callable[[str, str], str] = lambda _module, _name: ""  # how what it adds may be used
    persistent: Callable[[Value], Value] = no_persistent_id
    built: Callable[["Machine", Made], Value] = lambda _machine, made: made


@dataclass(kw_only=True, slots=True)
class Machine:
    """The state while one pickle is read."""

    stream: PickleStream
    rules: Rules
    problems: dict[str, None] = field(default_factory=dict)  # in order, each once
    stack: list[Value] = field(default_factory=list)
    marks: list[list[Value]] = field(default_factory=list)
    memo: dict[int, Value] = field(default_factory=dict)
    protocol: int = 0
    texts: int = 0
    opcodes: int = 0
    alone: object = field(default_factory=object)  # the class that may be made by NEWOBJ and nothing else; none yet

    def push(self, value: Value) -> None:
        """Put on top."""
        self.stack.append(value)

    def pop(self) -> Value:
        """Take from the top."""
        if not self.stack:
            raise NotPlain("it takes from an empty stack")
        value = self.stack.pop()
        if value is self.alone:
            raise NotPlain(HANDED_ON)
        return value

    def pop_class(self) -> Value:
        """Take the class that NEWOBJ makes, the one place for one that may be used `alone`."""
        return self.stack.pop() if self.stack else self.pop()

    def top(self) -> Value:
        """Look at the top."""
        if not self.stack:
            raise NotPlain("it looks at an empty stack")
        return self.stack[-1]

    def mark(self) -> None:
        """Begin a new level."""
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Value]:
        """End the level and return what was on it."""
        if not self.marks:
            raise NotPlain("it has no mark where one is needed")
        found, self.stack = self.stack, self.marks.pop()
        if any(value is self.alone for value in found):
            raise NotPlain(HANDED_ON)
        return found

    def keeps(self, length: int) -> bool:
        """Whether a text of so many bytes is kept as it is."""
        return length <= LONGEST_TEXT and self.texts < MOST_TEXTS

    def text(self, data: bytes, encoding: str = "utf-8") -> None:
        """Push a text; only so many and so short ones are kept as can name something."""
        if not self.keeps(len(data)):
            self.push(Kind.TEXT)
            return
        self.texts += 1
        try:
            self.push(data.decode(encoding, "strict" if encoding != "utf-8" else "surrogatepass"))
        except UnicodeDecodeError as problem:
            raise NotPlain("it has a text that is none") from problem

    def remember(self, index: int) -> None:
        """Put the top into the memo; no pickler writes a place twice or leaves a wide gap."""
        if index in self.memo or index > 2 * self.opcodes + 1:
            raise NotPlain("it writes a place of its memo twice or far away")
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        """Push what is in the memo."""
        if index not in self.memo:
            raise NotPlain("it reads a place of its memo that is empty")
        self.push(self.memo[index])

    def find(self, module: str, name: str) -> Global:
        """Return a callable by name; one that is not known is a problem, and taken for known then to see the rest."""
        if not NAME.fullmatch(module) or not NAME.fullmatch(name):
            raise NotPlain(f"it names {module[:LONGEST_TEXT]!r} {name[:LONGEST_TEXT]!r}")
        if self.protocol < 3:
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        how = known_callables().get((module, name)) or self.rules.also(module, name)
        if how == ALONE:
            self.alone = Global(module, name, how) if not isinstance(self.alone, Global) else self.alone
            return self.alone
        if how:
            return Global(module, name, how)
        if f"{module}.{name}" not in self.rules.allowed:
            self.problem(
                f"calls {module}.{name}" + (", a pickled function or class" if module.startswith(BY_VALUE) else "")
            )
        return Global(module, name, ANYTHING)

    def problem(self, text: str) -> None:
        """Keep a problem."""
        if len(self.problems) < MOST_SHOWN:
            self.problems[text] = None

    def call(self, function: Value, arguments: Value) -> None:
        """Push what a call makes, if it may be called with these arguments."""
        if not isinstance(function, Global) or not (isinstance(arguments, tuple) or arguments is Kind.TUPLE):
            raise NotPlain("it calls what it has not by name")
        known = CHECKS[function.how]
        if not known(arguments if isinstance(arguments, tuple) else (arguments,)):
            self.problem(f"calls {function.dotted} in a way that is not known")
        self.push(Made(function, arguments))

    def new(self, made: Value, arguments: Value) -> None:
        """Push an instance of a class that is made without its constructor."""
        if isinstance(made, Global) and made.how in {"new", ALONE} and isinstance(arguments, tuple):
            self.push(Made(made, arguments))
        else:
            self.call(made, arguments)
