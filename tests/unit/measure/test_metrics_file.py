"""The metrics file: four forms of a value, and what is none of them."""

from pathlib import Path

import pytest

from ml_cicd.domain.sample import Estimate, Interval, Point, Proportion, Sample
from ml_cicd.errors import EvidenceError
from ml_cicd.measure.metrics_file import read_metrics


def read(folder: Path, text: str) -> dict[str, Sample]:
    """Write and read."""
    path = folder / "m.json"
    path.write_text(text, encoding="utf-8")
    return read_metrics(str(path))


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
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    """A metric that is no finite number with a known meaning is an error that names the file."""
    with pytest.raises(EvidenceError, match=r"m\.json"):
        read(tmp_path, text)


def test_an_absent_file(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(EvidenceError, match=r"nowhere\.json is not a file"):
        read_metrics(str(tmp_path / "nowhere.json"))
