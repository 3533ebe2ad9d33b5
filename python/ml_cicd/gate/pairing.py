"""Two tables of the same rows: how often exactly one of two models is right."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.gate import statements
from ml_cicd.gate.classes import Cells, class_name, shown, spelled
from ml_cicd.gate.columns import NUMBERS, Kind
from ml_cicd.gate.samples import Paired
from ml_cicd.gate.settings import Role
from ml_cicd.gate.table import Table, refuse_twice
from ml_cicd.ground.errors import EvidenceError

EXACT = {"FLOAT": 2**24}  # whole numbers below are kept apart by a float of 32 bits
EXACT_DOUBLE = 2**53


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Both tables."""

    candidate: Table
    champion: Table

    def refuse(self, why: str) -> EvidenceError:
        """Return the error."""
        return EvidenceError(
            f"{self.candidate.path} and {self.champion.path} are not about the same rows: {why}.",
            cure="Evaluate both models on the same data.",
        )


def count_pairs(candidate: Table, cells: Cells, champion: Table, theirs: Cells) -> Paired:
    """Count on how many common rows exactly one of two models is right; `cells` and `theirs` are what both count.

    Rows are matched by the key column where both tables have it, else by their order.

    Raises:
        EvidenceError: the two tables are not about the same rows.
    """
    pair = Pair(candidate=candidate, champion=champion)
    respelled = _respelled(pair, cells, theirs)
    if candidate.rows != champion.rows:
        raise pair.refuse(f"they have {candidate.rows} and {champion.rows} rows")
    join = _join(pair)
    sql = statements.pairs(_side(candidate, "a.", respelled), _side(champion, "b.", respelled), join)
    rows, only_candidate, only_champion, different = (int(str(value)) for value in candidate.query(sql)[0])
    # Keys are complete and unique on both sides and the tables equally long, so a join of as many rows is one to one.
    if rows != candidate.rows:
        raise pair.refuse(f"{candidate.rows - rows} keys of the first are not in the second")
    if different:
        raise pair.refuse(f"{different} rows have different labels")
    return Paired(only_candidate=only_candidate, only_champion=only_champion, n=rows)


def _respelled(pair: Pair, cells: Cells, theirs: Cells) -> Mapping[str, str] | None:
    """Return the texts that stand for a class written otherwise; None where equal values are equal classes."""
    texts = {str(text) for side in (cells, theirs) for both in side for text in both}
    classes = spelled(texts)
    labels = [{classes[str(label)] for label, _ in side} for side in (cells, theirs)]
    if not labels[0] & labels[1]:
        raise pair.refuse(
            f"{pair.candidate.names.label!r} holds {shown(labels[0])} in one, {shown(labels[1])} in the other"
        )
    columns = [t.column(role) for t in (pair.candidate, pair.champion) for role in (Role.LABEL, Role.PREDICTION)]
    if len(set(classes.values())) == len(classes) and len({(column.kind, column.type) for column in columns}) == 1:
        return None
    return {text: name for text, c in classes.items() if (name := class_name(c)) != text}


def _join(pair: Pair) -> str:
    """Return how rows are matched; keys are checked."""
    candidate, champion = pair.candidate, pair.champion
    key, dialect = candidate.names.key, candidate.engine.dialect
    if candidate.has(Role.KEY) != champion.has(Role.KEY):
        raise pair.refuse(f"only one of them has the column {key!r}")
    if not candidate.has(Role.KEY):
        return statements.join_by_order(champion.view, dialect)
    ours, theirs = candidate.column(Role.KEY), champion.column(Role.KEY)
    kinds = {ours.kind, theirs.kind}
    name = statements.quoted(key)
    if kinds == {Kind.INTEGER} or (len(kinds | {ours.type, theirs.type}) == 2 and not _has_points(pair)):
        return statements.join_by_key(champion.view, f"a.{name}", f"b.{name}")
    for table in (candidate, champion):
        _refuse_rounded(table)
        refuse_twice(table, statements.key_text(name, table.column(Role.KEY), dialect))
    sides = (statements.key_text(f"{a}.{name}", column, dialect) for a, column in (("a", ours), ("b", theirs)))
    return statements.join_by_key(champion.view, *sides)


def _has_points(pair: Pair) -> bool:
    tables = [table for table in (pair.candidate, pair.champion) if table.column(Role.KEY).kind is Kind.TEXT]
    return any(table.count(statements.has_points(table.view, table.names.key)) for table in tables)


def _refuse_rounded(table: Table) -> None:
    """A key that went through a float may have lost its last digits."""
    column, name = table.column(Role.KEY), table.names.key
    if column.kind not in NUMBERS - {Kind.INTEGER}:
        return
    limit = EXACT.get(column.type, EXACT_DOUBLE)
    found = table.count(statements.count_rounded(table.view, name, limit=limit))
    if found:
        raise EvidenceError(
            f"{table.path}: {found} keys in {name!r} are of type {column.type} and not whole, or too large for it.",
            cure="Write keys as whole numbers or text in both tables.",
        )


def _side(table: Table, alias: str, respelled: Mapping[str, str] | None) -> statements.Side:
    dialect = table.engine.dialect
    return statements.Side(
        view=table.view,
        label=statements.class_value(alias + statements.quoted(table.names.label), respelled, dialect),
        prediction=statements.class_value(alias + statements.quoted(table.names.prediction), respelled, dialect),
    )
