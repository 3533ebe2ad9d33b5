"""One opened prediction table, and what is refused in its columns. No row is ever dropped."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.gate import statements
from ml_cicd.gate.columns import Column, Family
from ml_cicd.gate.ports import Engine
from ml_cicd.gate.settings import Columns, Role
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.parse import suggest


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A view of one file."""

    engine: Engine
    path: str
    view: str
    columns: Mapping[str, Column]
    rows: int
    names: Columns

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

    def family(self, role: Role) -> Family:
        """Return what the column's values can be compared with; dates, lists and the like are refused."""
        column = self.column(role)
        if column.family is None:
            raise EvidenceError(
                f"{self.path}: {self.names.named(role)!r} is of type {column.type[:60]}.",
                cure="Write it as whole numbers, booleans or text.",
            )
        return column.family

    def class_value(self, role: Role, alias: str = "") -> str:
        """Return the expression of a label or prediction."""
        return statements.class_value(self.names.named(role), self.column(role), self.engine.dialect, alias)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement; an error names the file."""
        return self.engine.query(sql, self.path)

    def count(self, sql: str) -> int:
        """Run a statement of one number."""
        return int(str(self.query(sql)[0][0]))


def open_table(engine: Engine, path: str, view: str, names: Columns) -> Table:
    """Open a file.

    Raises:
        EvidenceError: absent, unreadable, empty, of an unknown kind.
    """
    opened = engine.open_view(path, view)
    if opened.rows == 0:
        raise EvidenceError(f"{path} has no rows.", cure="Check the evaluation.")
    return Table(engine=engine, path=path, view=view, columns=opened.columns, rows=opened.rows, names=names)


def require_labels(table: Table) -> None:
    """Check that label and prediction are there, comparable and complete.

    Raises:
        EvidenceError: a column is missing, has nulls or NaN, or the two have different kinds of values.
    """
    roles = (Role.LABEL, Role.PREDICTION)
    families = []
    for role in roles:
        families.append(table.family(role))
        refuse_gaps(table, role)
        _refuse_fractions(table, role)
    if families[0] is not families[1]:
        label, prediction = (f"{table.names.named(role)!r} is {table.column(role).type}" for role in roles)
        raise EvidenceError(f"{table.path}: {label} but {prediction}.", cure="Write both as the same kind of value.")


def refuse_gaps(table: Table, role: Role) -> None:
    """Refuse a column with anything that stands for nothing."""
    name = table.names.named(role)
    found = table.count(statements.count_gaps(table.view, name, table.column(role), table.engine.dialect))
    if found:
        raise EvidenceError(
            f"{table.path}: {found} of {table.rows} values in {name!r} are null or not finite.",
            cure="Rows are never dropped; find out why they are missing.",
        )


def _refuse_fractions(table: Table, role: Role) -> None:
    """A class is a whole number; 0.51 is a score, and comparing it would count nothing."""
    if not table.column(role).is_fractional:
        return
    name = table.names.named(role)
    found = table.query(statements.first_fraction(table.view, name, table.engine.dialect))
    if found:
        raise EvidenceError(
            f"{table.path}: {name!r} holds {found[0][0]}, which is no class.",
            cure="Write the predicted class, and a score in a column of its own.",
        )
