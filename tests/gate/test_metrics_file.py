"""The metrics file: four forms of a value, and what is none of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ml_cicd.gate.engines.metrics_file import LARGEST_FILE, read_metrics
from ml_cicd.gate.importers.catalogue import IMPORTERS, import_metrics
from ml_cicd.gate.samples import Estimate, Interval, Point, Proportion, Sample
from ml_cicd.ground.errors import EvidenceError


def read(folder: Path, text: str | bytes) -> Mapping[str, Sample]:
    """Write and read."""
    path = folder / "m.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_metrics(read_metrics(str(path)), str(path))


def test_the_four_forms(tmp_path: Path) -> None:
    """A share of n rows, a value with its spread, a value with bounds, a bare number."""
    found = read(
        tmp_path,
        '{"accuracy": {"value": 0.96, "n": 2000}, "rmse": {"value": 2.5, "standard_error": 0.1},'
        ' "auc": {"value": 0.9, "low": 0.88, "high": 0.92}, "f1_score": 0.9}',
    )
    assert found == {
        "accuracy": Proportion(successes=1920, n=2000),
        "rmse": Estimate(value=2.5, standard_error=0.1),
        "auc": Interval(value=0.9, low=0.88, high=0.92),
        "f1_score": Point(value=0.9),
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"accuracy": NaN}',
        '{"accuracy": {"value": Infinity, "n": 10}}',
        '{"accuracy": 1e999}',
        '{"accuracy": null}',
        '{"accuracy": "0.96"}',
        '{"accuracy": true}',
        '{"accuracy": [0.96]}',
        '{"accuracy": {"value": 0.96}}',
        '{"accuracy": {"n": 10}}',
        '{"accuracy": {"value": 0.96, "n": 0}}',
        '{"accuracy": {"value": 0.96, "n": 10.5}}',
        '{"accuracy": {"value": 96, "n": 100}}',
        '{"accuracy": {"value": 0.96, "n": 10, "standard_error": 0.1}}',
        '{"accuracy": {"value": 0.96, "standard_error": -0.1}}',
        '{"accuracy": {"value": 0.96, "low": 0.97, "high": 0.98}}',
        '{"accuracy": {"valu": 0.96, "n": 10}}',
        '{"latency_p99_ms": {"value": 0.5, "n": 10}}',
        '{"latency_p99_ms": -1}',
        '{"accuracy": 40}',
        '{"recall": {"value": 55, "standard_error": 1}}',
        '{"f1_score": {"value": 30, "low": 29, "high": 31}}',
        '{"f1_score": {"value": 0.9, "n": 2000}}',
        '{"accuracy": {"value": 0.96, "n": 1e306}}',
        '{"accuracy": 0.96, "accuracy": 0.97}',
        "[0.96]",
        "0.96",
        "",
        "{",
        "[" * 100_000,
        b'{"accuracy": "\xff"}',
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str | bytes) -> None:
    """A metric that is no finite number with a known meaning is an error that names the file."""
    with pytest.raises(EvidenceError, match=r"m\.json"):
        read(tmp_path, text)


def test_an_absent_file(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(EvidenceError, match=r"nowhere\.json is not a file"):
        read_metrics(str(tmp_path / "nowhere.json"))


def test_a_folder(tmp_path: Path) -> None:
    """It is no file, and no bug."""
    with pytest.raises(EvidenceError, match="is not a file"):
        read_metrics(str(tmp_path))


def test_a_huge_file(tmp_path: Path) -> None:
    """A metrics file of more than 4 MiB is some other file."""
    with pytest.raises(EvidenceError, match="larger than 4 MiB"):
        read(tmp_path, " " * (LARGEST_FILE + 1))


def test_what_a_metric_cannot_be_is_shown_exactly(tmp_path: Path) -> None:
    """1.0000001 is no share, and is not shown as 1; the cure says what the metric is."""
    with pytest.raises(EvidenceError, match=r"1\.0000001 is outside 0 to 1") as problem:
        read(tmp_path, '{"accuracy": 1.0000001}')
    assert problem.value.cure == "accuracy is a share, not percent."


def test_the_last_importer_takes_what_is_left() -> None:
    """So no file is without a reader, and the errors for any file are those of our own form."""
    assert list(IMPORTERS.values())[-1].recognises("anything", "m.json")
