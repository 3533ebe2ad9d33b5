"""From needs to statements and back: what prediction tables answer. Counts leave the database, never rows."""

from collections.abc import Iterable
from dataclasses import dataclass

from ml_cicd.gate import statements
from ml_cicd.gate.classes import Cells, describe_classes, positive_class, read_cells
from ml_cicd.gate.columns import Kind
from ml_cicd.gate.metric import exact
from ml_cicd.gate.pairing import count_pairs
from ml_cicd.gate.ports import Engine
from ml_cicd.gate.settings import Columns, Role
from ml_cicd.gate.statistics import (
    Absence,
    Answers,
    Confusion,
    ConfusionNeed,
    Need,
    OrderStatistics,
    PairsNeed,
    QuantileNeed,
    Statistic,
    ranks_of,
)
from ml_cicd.gate.table import Table, count_cells, open_table
from ml_cicd.ground.errors import EvidenceError

NOT_HERE = Absence(why="a prediction table does not have this metric")
NO_CHAMPION = Absence(why="there is no prediction table of the champion")
SAME_BYTES = "The champion's table is, byte for byte, the candidate's: it says nothing of another model"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSource:
    """Answers from the candidate's table, and the champion's where its path is not empty (ports.StatisticsSource).

    `positive` is the text of the positive class; empty where none was named.
    """

    engine: Engine
    predictions: str
    champion: str
    names: Columns
    positive: str = ""

    def answer(self, needs: frozenset[Need]) -> Answers:
        """Count what is needed; the champion's table is opened for pairs alone."""
        candidate = open_table(self.engine, self.predictions, "candidate", self.names)
        digests = {"predictions": self.engine.digest(self.predictions)}
        found: dict[Need, Statistic | Absence] = {}
        notes = [_read(candidate)]
        cells: Cells = {}
        if ConfusionNeed() in needs or PairsNeed() in needs:
            cells = count_cells(candidate)
            confusion = read_confusion(candidate, cells, self.positive)
            found[ConfusionNeed()] = confusion
            notes = [f"{notes[0]}, {describe_classes(confusion.classes)}"]
        for role in sorted({need.role for need in needs if isinstance(need, QuantileNeed)}):
            wanted = [need for need in needs if isinstance(need, QuantileNeed) and need.role is role]
            found |= count_quantiles(candidate, role, wanted)
        if PairsNeed() in needs and not self.champion:
            found[PairsNeed()] = NO_CHAMPION
        elif PairsNeed() in needs:
            champion = open_table(self.engine, self.champion, "champion", self.names)
            theirs = count_cells(champion)
            read_cells(theirs, champion.places)
            found[PairsNeed()] = count_pairs(candidate, cells, champion, theirs)
            digests["champion"] = self.engine.digest(self.champion)
            notes.append(f"{_read(champion)}, matched by {_matched_by(champion)}")
            notes += [SAME_BYTES] if len(set(digests.values())) == 1 else []
        statistics = {need: found.get(need, NOT_HERE) for need in needs}
        return Answers(statistics=statistics, digests=digests, notes=tuple(f"{note}." for note in notes))


def _read(table: Table) -> str:
    how = f" as {table.how}" if table.how else ""
    return f"{table.path} was read{how}: {table.rows:,} rows"


def _matched_by(table: Table) -> str:
    return repr(table.names.key) if table.has(Role.KEY) else "their order"


def read_confusion(table: Table, cells: Cells, positive: str) -> Confusion:
    """Return the confusion matrix of what was counted.

    Raises:
        EvidenceError: values that are no classes, or no row of the positive class that was named.
    """
    found = read_cells(cells, table.places)
    classes = {c for pair in found for c in pair}
    return Confusion(cells=found, positive=positive_class(positive, classes, table.places) if positive else None)


def count_quantiles(table: Table, role: Role, needs: Iterable[QuantileNeed]) -> dict[Need, Statistic | Absence]:
    """Return the order statistics that these quantiles of a column of milliseconds need, all from one sort."""
    name, dialect = table.names.named(role), table.engine.dialect
    if not table.has(role):
        return dict.fromkeys(needs, Absence(why=f"{table.path} has no column {name!r}"))
    column = table.column(role)
    if column.kind in {Kind.OTHER, Kind.BOOLEAN, Kind.ENUM}:
        raise EvidenceError(f"{table.path}: {name!r} is {column.type[:60]}.", cure="Write milliseconds as numbers.")
    rows, seen = table.query(statements.count_no_numbers(table.view, name, column, dialect))[0]
    if rows:
        shown = "an empty value" if seen is None else repr(str(seen)[:60])
        raise EvidenceError(
            f"{table.path}: {rows} of {table.rows} values in {name!r} are no finite number: {shown}.",
            cure="Write milliseconds as numbers, one for each row; rows are never dropped.",
        )
    plans = {need: ranks_of(need, table.rows) for need in needs}
    # The first rank is fetched whatever is needed: if any time is negative, the smallest one is.
    ranks = sorted({1}.union(*(plan.wanted for plan in plans.values())))
    value = statements.number_value(name, column, dialect)
    found = table.query(statements.order_statistics(table.view, value, ranks))
    values = {int(str(rank)): float(str(time)) for rank, time in found}
    if values[1] < 0:
        raise EvidenceError(
            f"{table.path}: {name!r} has a negative value, {exact(values[1])}.", cure="Check the clock."
        )
    return {need: OrderStatistics(ranks=plan, values=values) for need, plan in plans.items()}
