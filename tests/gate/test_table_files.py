"""The files of a table: which they are, and what their digest covers."""

from pathlib import Path

import pytest

from ml_cicd.gate.engines.table_files import find_files
from ml_cicd.ground.errors import EvidenceError

ROWS = "label,prediction\n1,1\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read relative paths from an empty folder."""
    monkeypatch.chdir(tmp_path)


def write(*names: str) -> None:
    """Write files of different bytes."""
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(ROWS + "0,0\n" * number)


def test_a_file_is_itself_whatever_marks_it_has() -> None:
    """A pattern is one only where no file is called so."""
    write("run[1].csv", "run1.csv")
    assert find_files("run[1].csv").files == ("run[1].csv",)
    assert find_files("run?.csv").files == ("run1.csv",)


def test_a_folder_has_its_parts_in_order() -> None:
    """Not what a writer left for itself, but what lies deeper."""
    write("t/b.csv", "t/a.csv", "t/deep/c.csv", "t/_SUCCESS", "t/.a.csv.crc", "t/_hidden/d.csv")
    assert find_files("t").files == find_files("t/").files == ("t/a.csv", "t/b.csv", "t/deep/c.csv")


def test_no_file_counts_twice() -> None:
    """A pattern that reaches a file on two ways has it once."""
    write("t/a.csv", "t/deep/c.csv")
    assert find_files("**/**/*.csv").files == ("t/a.csv", "t/deep/c.csv")


def test_the_digest_of_parts_covers_names_and_bytes() -> None:
    """A folder's name may be a column, so `label=0` and `label=1` with their files exchanged are another table."""
    write("t/label=0/a.csv", "t/label=1/a.csv")
    first = find_files("t").digest
    Path("t").rename("u")
    assert find_files("u").digest == first
    write("t/label=1/a.csv", "t/label=0/a.csv")
    assert find_files("t").digest != first
    Path("u/label=0/a.csv").write_text("")
    assert find_files("u").digest != first


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("t/a.csv", "t/b.parquet"), "several kinds, csv, parquet"),
        (("t/a.csv", "t/notes.txt"), "unknown kind of table '.txt'"),
        (("t/a.parquet", "t/_temporary/0/b.parquet"), "still written"),
        (("t/a.parquet", "t/_delta_log/0.json"), "has a _delta_log"),
        (("t/a.parquet", "t/metadata/v1.metadata.json"), "has a metadata"),
        (("t/_SUCCESS",), "is a folder without a table"),
    ],
)
def test_a_folder_that_is_more_than_parts_is_refused(names: tuple[str, ...], says: str) -> None:
    """Older versions, halves and other kinds would be counted as rows."""
    write(*names)
    with pytest.raises(EvidenceError, match=says):
        find_files("t")
