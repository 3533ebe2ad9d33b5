"""A CSV is read whole, as a second reader reads it, or refused: whatever its bytes are."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_cicd.gate.engines import duckdb
from ml_cicd.gate.ports import Engine
from ml_cicd.gate.settings import Columns
from ml_cicd.gate.table import count_cells, open_table
from ml_cicd.ground.errors import EvidenceError

ROWS = ("0,0\n", "1,1\n", "0,1\n", "0,0", '"0","1"\n', '"0\n', '1"\n', "#0,1\n", "0;1\n", "0,1,2\n")
BITS = ("\n", "\r\n", "\r", ",", '"', '""', "0", "é", "\ufeff")
HEADERS = ("label,prediction\n", "label;prediction\n", "label,prediction,x\n")
PIECES = (*ROWS, *BITS, *HEADERS)


def second_reader(content: bytes) -> Counter[tuple[str, str]]:
    """Count rows with the standard library's reader, which knows nothing of ours."""
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    rows = [row for row in csv.reader(text) if row]
    return Counter((row[0].strip(), row[1].strip()) for row in rows[1:])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Connect once: it is the slow part."""
    with duckdb.connect() as connected:
        yield connected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from(["", "\ufeff"]))
def test_no_row_vanishes_or_counts_twice(engine: Engine, tmp_path: Path, pieces: list[str], mark: str) -> None:
    """What is not refused has the same rows for both readers, but for blanks around values: classes have none."""
    content = f"{mark}label,prediction\n{''.join(pieces)}".encode()
    path = tmp_path / "p.csv"
    path.write_bytes(content)
    try:
        cells = count_cells(open_table(engine, str(path), "candidate", Columns()))
    except EvidenceError:
        return
    found: Counter[tuple[str, str]] = Counter()
    for (label, prediction), rows in cells.items():
        found[(label or "").strip(), (prediction or "").strip()] += rows
    assert found == second_reader(content)
