"""Two tables of the same rows: how often exactly one of two models is right."""

from ml_cicd.domain.sample import Paired
from ml_cicd.errors import EvidenceError
from ml_cicd.measure.table import INTEGERS, Table, class_sql, family, quoted, refuse_gaps


def pair(candidate: Table, champion: Table) -> Paired:
    """Count on how many common rows exactly one of two models is right.

    Rows are matched by the key column where both tables have it, else by their order.

    Raises:
        EvidenceError: the two tables are not about the same rows.
    """
    key = candidate.columns.key
    keyed = candidate.has(key) and champion.has(key)
    if candidate.has(key) != champion.has(key):
        _refuse_pair(candidate, champion, f"only one of them has the column {key!r}")
    for column in (key,) if keyed else ():
        _refuse_other_types(candidate, champion, column)
        for table in (candidate, champion):
            refuse_gaps(table, column)
            _refuse_duplicates(table, column)
    _refuse_other_types(candidate, champion, candidate.columns.label)
    if candidate.rows != champion.rows:
        _refuse_pair(candidate, champion, f"they have {candidate.rows} and {champion.rows} rows")
    join = (
        f"JOIN {champion.view} b ON a.{quoted(key)} = b.{quoted(key)}"
        if keyed
        else f"POSITIONAL JOIN {champion.view} b"
    )
    names = candidate.columns
    label, other = class_sql(candidate, names.label, "a."), class_sql(champion, names.label, "b.")
    right = f"({class_sql(candidate, names.prediction, 'a.')} = {label})"
    also = f"({class_sql(champion, names.prediction, 'b.')} = {other})"
    sql = (
        f"SELECT count(*), count(*) FILTER ({right} AND NOT {also}), count(*) FILTER ({also} AND NOT {right}), "  # noqa: S608
        f"count(*) FILTER ({label} <> {other}) FROM {candidate.view} a {join}"
    )
    rows, only_candidate, only_champion, different = (int(str(v)) for v in candidate.query(sql)[0])
    if rows != candidate.rows:
        _refuse_pair(candidate, champion, f"{candidate.rows - rows} keys of the first are not in the second")
    if different:
        _refuse_pair(candidate, champion, f"{different} rows have different labels")
    return Paired(only_candidate=only_candidate, only_champion=only_champion, n=rows)


def _refuse_other_types(candidate: Table, champion: Table, column: str) -> None:
    kinds = [candidate.types[column], champion.types[column]]
    families = ["integer" if kind in INTEGERS else kind for kind in kinds]
    if column == candidate.columns.label:
        families = [family(table, column) for table in (candidate, champion)]
    if families[0] != families[1]:
        _refuse_pair(candidate, champion, f"{column!r} is {kinds[0]} in one and {kinds[1]} in the other")


def _refuse_duplicates(table: Table, key: str) -> None:
    distinct = table.query(f"SELECT count(DISTINCT {quoted(key)}) FROM {table.view}")[0][0]  # noqa: S608  # quoted
    if distinct != table.rows:
        raise EvidenceError(
            f"{table.path}: {key!r} has {distinct} different values in {table.rows} rows.",
            cure="A key names one row; remove the duplicates or name another column in evidence.columns.key.",
        )


def _refuse_pair(candidate: Table, champion: Table, why: str) -> None:
    raise EvidenceError(
        f"{candidate.path} and {champion.path} are not about the same rows: {why}.",
        cure="Evaluate both models on the same data.",
    )
