"""What stands on the stack of a pickle that is read, not run: as much of each value as a judgement needs."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Kind(Enum):
    """A value of which no more is known than its sort."""

    DATA = "data"
    TEXT = "text"
    BYTES = "bytes"
    LIST = "list"
    SET = "set"
    TUPLE = "tuple"


@dataclass(frozen=True, slots=True)
class Global:
    """What a pickle has by name, and how it may be used (callables.py)."""

    module: str
    name: str
    how: str

    @property
    def dotted(self) -> str:
        """Return its dotted name."""
        return f"{self.module}.{self.name}"


class Made:
    """What a call or a class made. Its state may be given once: a second one would meet attributes of the first."""

    __slots__ = ("arguments", "of", "state")

    def __init__(self, of: Global, arguments: "Value" = ()) -> None:
        """Say of what, and from what."""
        self.of = of
        self.arguments = arguments
        self.state: Value | None = None  # None: not given yet


class Mapping:
    """A dictionary; `items` are those with short texts as keys, all of them unless `more`. A `fixed` one stays."""

    __slots__ = ("fixed", "items", "more")

    def __init__(self) -> None:
        """Begin empty."""
        self.items: dict[str, Value] = {}
        self.more = False
        self.fixed = False


Value: TypeAlias = "Kind | Global | Made | Mapping | str | int | tuple[Value, ...] | None"
