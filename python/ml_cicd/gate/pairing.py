"""Two tables of the same rows: how often exactly one of two models is right."""

from ml_cicd.gate import statements
from ml_cicd.gate.columns import Kind
from ml_cicd.gate.samples import Paired
from ml_cicd.gate.settings import Role
from ml_cicd.gate.table import Table, refuse_gaps
from ml_cicd.ground.errors import EvidenceError


def count_pairs(candidate: Table, champion: Table) -> Paired:
    """Count on how many common rows exactly one of two models is right.

    Rows are matched by the key column where both tables have it, else by their order.

    Raises:
        EvidenceError: the two tables are not about the same rows.
    """
    keyed = _require_keys(candidate, champion)
    _refuse_families(candidate, champion)
    if candidate.rows != champion.rows:
        _refuse(candidate, champion, f"they have {candidate.rows} and {champion.rows} rows")
    join = (
        statements.join_by_key(champion.view, candidate.names.key)
        if keyed
        else statements.join_by_order(champion.view, candidate.engine.dialect)
    )
    sql = statements.pairs(_side(candidate, "a."), _side(champion, "b."), join)
    rows, only_candidate, only_champion, different = (int(str(value)) for value in candidate.query(sql)[0])
    # Keys are complete and unique on both sides and the tables equally long, so a join of as many rows is one to one.
    if rows != candidate.rows:
        _refuse(candidate, champion, f"{candidate.rows - rows} keys of the first are not in the second")
    if different:
        _refuse(candidate, champion, f"{different} rows have different labels")
    return Paired(only_candidate=only_candidate, only_champion=only_champion, n=rows)


def _require_keys(candidate: Table, champion: Table) -> bool:
    """Check the keys, and return whether there are any."""
    key = candidate.names.key
    if candidate.has(Role.KEY) != champion.has(Role.KEY):
        _refuse(candidate, champion, f"only one of them has the column {key!r}")
    if not candidate.has(Role.KEY):
        return False
    kinds = [table.column(Role.KEY) for table in (candidate, champion)]
    # Keys are equal only where they are written alike: a key that went through a float has lost its last digits.
    if len({column.kind if column.kind is Kind.INTEGER else column.type for column in kinds}) > 1:
        _refuse(candidate, champion, f"{key!r} is {kinds[0].type} in one and {kinds[1].type} in the other")
    for table in (candidate, champion):
        refuse_gaps(table, Role.KEY)
        _refuse_duplicates(table)
    return True


def _refuse_families(candidate: Table, champion: Table) -> None:
    if candidate.family(Role.LABEL) is not champion.family(Role.LABEL):
        one, other = candidate.column(Role.LABEL), champion.column(Role.LABEL)
        label = candidate.names.label
        _refuse(candidate, champion, f"{label!r} is {one.type} in one and {other.type} in the other")


def _refuse_duplicates(table: Table) -> None:
    key = table.names.key
    distinct = table.count(statements.count_distinct(table.view, key))
    if distinct != table.rows:
        raise EvidenceError(
            f"{table.path}: {key!r} has {distinct} different values in {table.rows} rows.",
            cure="A key names one row; remove the duplicates or name another column in evidence.columns.key.",
        )


def _side(table: Table, alias: str) -> statements.Side:
    return statements.Side(
        view=table.view,
        label=table.class_value(Role.LABEL, alias),
        prediction=table.class_value(Role.PREDICTION, alias),
    )


def _refuse(candidate: Table, champion: Table, why: str) -> None:
    raise EvidenceError(
        f"{candidate.path} and {champion.path} are not about the same rows: {why}.",
        cure="Evaluate both models on the same data.",
    )
