"""The seams of the gate: whoever counts, and the database that a table is counted with."""

from typing import Protocol

from ml_cicd.gate.columns import Opened
from ml_cicd.gate.statements import Dialect
from ml_cicd.gate.statistics import Answers, Need


class StatisticsSource(Protocol):
    """Somebody who counts."""

    def answer(self, needs: frozenset[Need]) -> Answers:
        """Answer every need, by a statistic or by the reason why there is none; count nothing else.

        Raises:
            EvidenceError: what there is cannot be used at all.
        """


class Engine(Protocol):
    """A database that opens files of tables. All methods raise `EvidenceError`, and nothing else."""

    @property
    def dialect(self) -> Dialect:
        """Its words for what databases say in different ways."""

    def open_view(self, path: str, view: str) -> Opened:
        """Open the file as a view of this name, and read it once, so that a broken one is found now."""

    def query(self, sql: str, path: str) -> list[tuple[object, ...]]:
        """Return all rows of a statement; `path` is the table that an error is about."""

    def digest(self, path: str) -> str:
        """Return `sha256:<hex>` over the file's bytes."""
