"""From needs to statements and back: what prediction tables answer. Counts leave the database, never rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ml_cicd.gate import statements
from ml_cicd.gate.columns import Family
from ml_cicd.gate.metric import exact
from ml_cicd.gate.pairing import count_pairs
from ml_cicd.gate.ports import Engine
from ml_cicd.gate.settings import Columns, Role
from ml_cicd.gate.statistics import (
    Absence,
    Answers,
    Confusion,
    ConfusionNeed,
    Label,
    Need,
    OrderStatistics,
    PairsNeed,
    QuantileNeed,
    Statistic,
    ranks_of,
)
from ml_cicd.gate.table import Table, open_table, refuse_gaps, require_labels
from ml_cicd.ground.errors import Defect, EvidenceError

MOST_CLASSES = 1000
NOT_HERE = Absence(why="a prediction table does not have this metric")
NO_CHAMPION = Absence(why="there is no prediction table of the champion")


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSource:
    """Answers from the candidate's table, and the champion's where its path is not empty (ports.StatisticsSource)."""

    engine: Engine
    predictions: str
    champion: str
    names: Columns

    def answer(self, needs: frozenset[Need]) -> Answers:
        """Count what is needed; the champion's table is opened for pairs alone."""
        candidate = open_table(self.engine, self.predictions, "candidate", self.names)
        digests = {"predictions": self.engine.digest(self.predictions)}
        found: dict[Need, Statistic | Absence] = {}
        if ConfusionNeed() in needs:
            require_labels(candidate)
            found[ConfusionNeed()] = count_confusion(candidate)
        for role in sorted({need.role for need in needs if isinstance(need, QuantileNeed)}):
            wanted = [need for need in needs if isinstance(need, QuantileNeed) and need.role is role]
            found |= count_quantiles(candidate, role, wanted)
        if PairsNeed() in needs and not self.champion:
            found[PairsNeed()] = NO_CHAMPION
        elif PairsNeed() in needs:
            champion = open_table(self.engine, self.champion, "champion", self.names)
            for side in (candidate, champion):
                require_labels(side)
            found[PairsNeed()] = count_pairs(candidate, champion)
            digests["champion"] = self.engine.digest(self.champion)
        return Answers(statistics={need: found.get(need, NOT_HERE) for need in needs}, digests=digests)


def count_confusion(table: Table) -> Confusion:
    """Count rows by label and prediction.

    Raises:
        EvidenceError: more values than classes can be.
    """
    label, prediction = table.class_value(Role.LABEL), table.class_value(Role.PREDICTION)
    most = MOST_CLASSES**2 + 1  # one more than there may be, so that too many are seen without fetching them all
    counted: Counter[tuple[Label, Label]] = Counter()
    for actual, predicted, rows in table.query(statements.confusion(table.view, label, prediction, most=most)):
        counted[_plain(actual), _plain(predicted)] += int(str(rows))  # two values of the database may be one here
    classes = {c for pair in counted for c in pair}
    if len(classes) > MOST_CLASSES:
        columns = f"{table.names.label!r} and {table.names.prediction!r}"
        raise EvidenceError(
            f"{table.path}: {columns} hold {len(classes)} values.",
            cure="That looks like an identifier or a regression, not a class; check evidence.columns.",
        )
    if sum(counted.values()) != table.rows:
        raise Defect(f"{table.path}: {sum(counted.values())} of {table.rows} rows could be counted.")
    return Confusion(cells=counted)


def _plain(value: object) -> Label:
    if isinstance(value, bool | int | float | str):
        return value
    return str(value)


def count_quantiles(table: Table, role: Role, needs: Iterable[QuantileNeed]) -> dict[Need, Statistic | Absence]:
    """Return the order statistics that these quantiles of a column of milliseconds need, all from one sort."""
    name = table.names.named(role)
    if not table.has(role):
        return dict.fromkeys(needs, Absence(why=f"{table.path} has no column {name!r}"))
    if table.family(role) is not Family.NUMBER:
        raise EvidenceError(
            f"{table.path}: {name!r} is {table.column(role).type}.", cure="Write milliseconds as numbers."
        )
    refuse_gaps(table, role)
    plans = {need: ranks_of(need, table.rows) for need in needs}
    # The first rank is fetched whatever is needed: if any time is negative, the smallest one is.
    ranks = sorted({1}.union(*(plan.wanted for plan in plans.values())))
    rows = table.query(statements.order_statistics(table.view, name, ranks))
    values = {int(str(rank)): float(str(value)) for rank, value in rows}
    if values[1] < 0:
        raise EvidenceError(
            f"{table.path}: {name!r} has a negative value, {exact(values[1])}.", cure="Check the clock."
        )
    return {need: OrderStatistics(ranks=plan, values=values) for need, plan in plans.items()}
