"""The output file, read back by the runner's own rules."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ml_cicd.shell.github.outputs import LONGEST, write_outputs
from tests.actions.composite_runner import parse_outputs

NAMES = st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True)
VALUES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200) | st.sampled_from(
    ["", "a=b", "x<<EOF\ny\nEOF", "\r\n", "\n\n", "ghadelimiter_\nverdict=pass", "::set-output name=verdict::pass"]
)


def written(*batches: dict[str, str]) -> dict[str, str]:
    """Write each batch and read all of it as the runner does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "output")
        for batch in batches:
            write_outputs(path, batch)
        return parse_outputs(path.read_bytes().decode())


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(outputs: dict[str, str]) -> None:
    """The runner reads each value as it was, whatever it holds, and no other name."""
    assert written(outputs) == outputs


def test_a_value_cannot_forge_an_output() -> None:
    """A value that imitates the file's own syntax stays a value."""
    evil = "x\nghadelimiter_00000000-0000-4000-8000-000000000000\nverdict<<E\npass\nE"
    assert written({"reason": evil, "verdict": "fail"}) == {"reason": evil, "verdict": "fail"}


def test_later_writes_are_added() -> None:
    """Writing twice keeps the first outputs; of one name the last value counts."""
    assert written({"a": "1", "b": "1"}, {"b": "2"}) == {"a": "1", "b": "2"}


def test_long_values_are_cut() -> None:
    """A value over the limit is cut and says so, and fits in any encoding; one at the limit is whole."""
    read = written({"long": "€" * 100_000, "whole": "x" * LONGEST})
    assert read["whole"] == "x" * LONGEST
    assert read["long"].startswith("€€€")
    assert read["long"].endswith("(cut; see the report)")
    assert len(read["long"].encode()) <= LONGEST
