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


class Family(StrEnum):
    """Kinds whose values can be equal."""

    BOOLEAN = "boolean"
    NUMBER = "number"
    TEXT = "text"


FAMILIES: dict[Kind, Family] = {
    Kind.BOOLEAN: Family.BOOLEAN,
    Kind.INTEGER: Family.NUMBER,
    Kind.FLOAT: Family.NUMBER,
    Kind.DECIMAL: Family.NUMBER,
    Kind.TEXT: Family.TEXT,
    Kind.ENUM: Family.TEXT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: its kind, and the engine's own name of its type, for messages."""

    kind: Kind
    type: str

    @property
    def family(self) -> Family | None:
        """What its values can be compared with; None for dates, lists and the like."""
        return FAMILIES.get(self.kind)

    @property
    def is_fractional(self) -> bool:
        """Whether it could hold half a class."""
        return self.kind in {Kind.FLOAT, Kind.DECIMAL}


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What an engine says of a table that it has opened."""

    columns: Mapping[str, Column]
    rows: int
