"""The job summary."""

from pathlib import Path

from ml_cicd.shell.github.summary import CUT, LONGEST, append_summary


def test_summaries_are_added(tmp_path: Path) -> None:
    """A second text stands behind the first, line ends as they were."""
    path = tmp_path / "summary"
    append_summary(path, "# one\n")
    append_summary(path, "é\r\n")
    assert path.read_bytes().decode() == "# one\né\r\n"


def test_a_long_summary_is_cut_on_a_character(tmp_path: Path) -> None:
    """Over the limit it is cut, between characters, and says so; GitHub would drop all of it."""
    path = tmp_path / "summary"
    append_summary(path, "a" + "é" * LONGEST)
    data = path.read_bytes()
    assert len(data) <= LONGEST + len(CUT)
    assert data.decode().endswith("é" + CUT)


def test_a_summary_at_the_limit_is_whole(tmp_path: Path) -> None:
    """Exactly the limit is not cut."""
    path = tmp_path / "summary"
    append_summary(path, "x" * LONGEST)
    assert path.stat().st_size == LONGEST
