"""The export: what people wrote reaches a sheet as text."""

import csv
import io
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.registry.audit import AuditLine, as_csv

EMPTY = dict.fromkeys(AuditLine.__dataclass_fields__, "")


def read_back(reason: str) -> str:
    """The cell that a reader of CSV finds."""
    text = as_csv([AuditLine(**{**EMPTY, "reason": reason})])
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    assert list(line) == list(asdict(AuditLine(**EMPTY)))
    return line["reason"]


@pytest.mark.parametrize(
    "reason", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1", '=HYPERLINK("http://x")']
)
def test_no_cell_begins_a_formula(reason: str) -> None:
    """An apostrophe before it makes a sheet show it; all of it is still there."""
    assert read_back(reason) == f"'{reason}"


@given(st.text(max_size=40).filter(lambda text: not set(text) & set("\r\n\t")))
def test_other_text_is_kept(reason: str) -> None:
    """Quotes, commas and any language come back as they were."""
    assert read_back(reason).removeprefix("'") == reason.removeprefix("'")
