"""What columns of a prediction table hold, whatever the engine calls its types."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an engine stores in a column."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    ENUM = "enum"
    OTHER = "other"


NUMBERS = {Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL}
TEXTS = {Kind.TEXT, Kind.ENUM}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: its kind, and the engine's own name of its type, for messages."""

    kind: Kind
    type: str

    @property
    def has_classes(self) -> bool:
        """Whether its values can be classes: not timestamps, lists and the like."""
        return self.kind is not Kind.OTHER


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What an engine says of a table that it has opened; `how` is what it found out while it read it, for people."""

    columns: Mapping[str, Column]
    rows: int
    how: str = ""
