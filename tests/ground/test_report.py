"""A report's sections: what does not fit or is no number is refused where it is made."""

import math

import pytest

from ml_cicd.ground.errors import Defect, Exit
from ml_cicd.ground.finding import Finding, Outcome, Verdict
from ml_cicd.ground.operation import Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Report, Section, Table

TABLE = Table(title="t", header=("a", "b"), rows=(("x", 1), (None, 2.5)))
VERDICT = Verdict(outcome=Outcome.PASS, findings=(Finding(rule="r", outcome=Outcome.PASS, reason="x"),))
OTHER = Verdict(outcome=Outcome.FAIL, findings=(Finding(rule="s", outcome=Outcome.FAIL, reason="y"),))


def report(*sections: Section) -> Report:
    """Return a report with these sections."""
    return Report(command="x", exit_code=Exit.DONE, headline="Done.", outputs={}, sections=sections)


def test_what_machines_look_for_first() -> None:
    """The first verdict and the first receipt; all tables and notes in order."""
    receipt = Receipt(planned=("a",))
    found = report(Note(text="a"), Findings(verdict=VERDICT), TABLE, receipt, Findings(verdict=OTHER), Note(text="b"))
    assert (found.verdict, found.receipt, found.tables, found.notes) == (VERDICT, receipt, (TABLE,), ("a", "b"))


def test_a_report_without_sections() -> None:
    """Nothing was judged, nothing was done."""
    assert (report().verdict, report().receipt, report().tables, report().notes) == (None, None, (), ())


@pytest.mark.parametrize("rows", [(("x",),), (("x", 1, 2),), ((),)])
def test_a_ragged_table_is_a_bug(rows: tuple[tuple[str | int, ...], ...]) -> None:
    """A row has as many cells as the header."""
    with pytest.raises(Defect, match="does not fit its header"):
        Table(title="t", header=("a", "b"), rows=rows)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_a_bug(number: float) -> None:
    """NaN and infinities reach no table."""
    with pytest.raises(Defect, match="not finite"):
        Table(title="t", header=("a",), rows=((number,),))


def test_a_bug_has_exit_code_one() -> None:
    """Nobody but its makers can mend it, and it says so."""
    assert Defect("x").exit_code is Exit.BUG
    assert "report it" in Defect("x").cure


@pytest.mark.parametrize("point", [(0.0, float("nan")), (float("inf"), 0.0)])
def test_a_curve_through_no_number_is_a_defect(point: tuple[float, float]) -> None:
    """No face could draw it, and JSON has no word for it."""
    with pytest.raises(Defect, match="not finite"):
        Curve(title="t", x="x", y="y", series={"a": ((0.0, 0.0), point)})
