"""One opened prediction table, and what is refused in its columns. No row is ever dropped."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.gate import statements
from ml_cicd.gate.classes import Cells, Places, refuse_scores
from ml_cicd.gate.columns import TEXTS, Column
from ml_cicd.gate.ports import Engine
from ml_cicd.gate.settings import Columns, Role
from ml_cicd.ground.errors import Defect, EvidenceError
from ml_cicd.ground.parse import suggest

MOST_CLASSES = 1000
FIRST_ROWS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A view of one file; `how` says how it was read."""

    engine: Engine
    path: str
    view: str
    columns: Mapping[str, Column]
    rows: int
    names: Columns
    how: str

    def has(self, role: Role) -> bool:
        """Whether the table has a column for this role."""
        return self.names.named(role) in self.columns

    def column(self, role: Role) -> Column:
        """Return the column of this role.

        Raises:
            EvidenceError: there is none; the message has the nearest name of those that there are.
        """
        name = self.names.named(role)
        if name not in self.columns:
            raise EvidenceError(
                f"{self.path} has no column {name!r}.",
                cure=f"{suggest(name, self.columns)} Or name it in evidence.columns.",
            )
        return self.columns[name]

    @property
    def places(self) -> Places:
        """Where its classes stand, for messages."""
        return Places(path=self.path, label=self.names.label, prediction=self.names.prediction)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement; an error names the file."""
        return self.engine.query(sql, self.path)

    def count(self, sql: str) -> int:
        """Run a statement of one number."""
        return int(str(self.query(sql)[0][0]))


def open_table(engine: Engine, path: str, view: str, names: Columns) -> Table:
    """Open a file, and check its key where it has one: a row that stands twice would count twice.

    Raises:
        EvidenceError: absent, unreadable, empty, of an unknown kind, a key is missing or stands twice.
    """
    opened = engine.open_view(path, view)
    if opened.rows == 0:
        raise EvidenceError(f"{path} has no rows.", cure="Check the evaluation.")
    table = Table(
        engine=engine, path=path, view=view, columns=opened.columns, rows=opened.rows, names=names, how=opened.how
    )
    if names.key != Columns().key:
        table.column(Role.KEY)  # whoever names a key wants it looked at
    if table.has(Role.KEY):
        _refuse_missing_keys(table)
        refuse_twice(table, statements.quoted(names.key))
    return table


def count_cells(table: Table) -> Cells:
    """Count rows by the texts of label and prediction.

    Raises:
        EvidenceError: a column is missing or cannot hold classes, or holds more values than classes can be.
    """
    for role in (Role.LABEL, Role.PREDICTION):
        column, name = table.column(role), table.names.named(role)
        if not column.has_classes:
            raise EvidenceError(
                f"{table.path}: {name!r} is of type {column.type[:60]}.",
                cure="Write it as whole numbers, booleans or text.",
            )
        # Scores are found in the first rows, before millions of different ones are counted.
        first = table.query(statements.first_values(table.view, name, table.engine.dialect, rows=FIRST_ROWS))
        refuse_scores({str(row[0]) for row in first if row[0] is not None}, name, table.places)
    most = MOST_CLASSES**2 + 1  # one more than there may be, so that too many are seen without fetching them all
    names = table.names.label, table.names.prediction
    counted: Counter[tuple[str | None, str | None]] = Counter()
    for label, prediction, rows in table.query(
        statements.confusion(table.view, *names, table.engine.dialect, most=most)
    ):
        counted[_text(label), _text(prediction)] += int(str(rows))  # two values of the database may be one text
    for side, name in enumerate(names):
        refuse_scores({text for pair in counted if (text := pair[side]) is not None}, name, table.places)
    values = {text for pair in counted for text in pair}
    if len(values) > MOST_CLASSES:
        raise EvidenceError(
            f"{table.path}: {names[0]!r} and {names[1]!r} hold {len(values)} values.",
            cure="That looks like an identifier or a regression, not a class; check evidence.columns.",
        )
    if sum(counted.values()) != table.rows:
        raise Defect(f"{table.path}: {sum(counted.values())} of {table.rows} rows could be counted.")
    return counted


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _refuse_missing_keys(table: Table) -> None:
    name = table.names.key
    found = table.count(statements.count_gaps(table.view, name, table.column(Role.KEY), table.engine.dialect))
    if found:
        raise EvidenceError(
            f"{table.path}: {found} of {table.rows} values in {name!r} are null or stand for nothing.",
            cure="Rows are never dropped; find out why they are missing.",
        )


def refuse_twice(table: Table, key: str) -> None:
    """Refuse a key, given as an expression, that stands in two rows.

    Raises:
        EvidenceError: it does; the message has it.
    """
    # Numbers as text go up as numbers, and keys of other texts as texts; where neither does, all are kept and counted.
    is_text = table.column(Role.KEY).kind in TEXTS
    for value in ([table.engine.dialect.number.format(key)] if is_text else []) + [key]:
        if not table.query(statements.first_not_greater(table.view, value)):
            return
    distinct = table.count(statements.count_distinct(table.view, key))
    if distinct == table.rows:
        return
    twice, rows = table.query(statements.first_twice(table.view, key, table.engine.dialect))[0]
    raise EvidenceError(
        f"{table.path}: {table.names.key!r} has {distinct} different values in {table.rows} rows; "
        f"{str(twice)[:60]!r} stands in {rows} of them.",
        cure="A key names one row; remove the duplicates or name another column in evidence.columns.key.",
    )
