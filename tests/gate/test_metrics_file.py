"""The metrics file: four forms of a value, and what is none of them."""

import json
from pathlib import Path

import pytest

from ml_cicd.gate.engines.metrics_file import LARGEST_FILE, read_metrics
from ml_cicd.gate.importers.catalogue import IMPORTERS, import_metrics
from ml_cicd.gate.importers.document import open_document
from ml_cicd.gate.importers.reading import absence, sample_of
from ml_cicd.gate.samples import Estimate, Interval, Point, Proportion, Sample
from ml_cicd.ground.errors import EvidenceError


def read(folder: Path, text: str | bytes, *wanted: str, file: str = "m.json") -> dict[str, Sample | None]:
    """Write and read these names, or `accuracy`."""
    path = folder / file
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reading = import_metrics(read_metrics(str(path)), str(path))
    return {name: sample_of(reading, name) for name in wanted or ("accuracy",)}


def point(value: float) -> Point:
    """Return a bare number's sample."""
    return Point(value=value)


def missing(text: str, name: str) -> str:
    """Return what is said of a name that a file does not have."""
    reading = import_metrics(text.encode(), "m.json")
    assert sample_of(reading, name) is None
    return absence(reading, name)


def test_the_four_forms(tmp_path: Path) -> None:
    """A share of n rows, a value with its spread, a value with bounds, a bare number."""
    found = read(
        tmp_path,
        '{"accuracy": {"value": 0.96, "n": 2000}, "rmse": {"value": 2.5, "standard_error": 0.1},'
        ' "auc": {"value": 0.9, "low": 0.88, "high": 0.92}, "f1_score": 0.9}',
        "accuracy",
        "rmse",
        "auc",
        "f1_score",
    )
    assert found == {
        "accuracy": Proportion(successes=1920, n=2000),
        "rmse": Estimate(value=2.5, standard_error=0.1),
        "auc": Interval(value=0.9, low=0.88, high=0.92),
        "f1_score": Point(value=0.9),
    }


def test_a_standard_error_of_nothing_is_no_exactness(tmp_path: Path) -> None:
    """All rows were alike, few or many: the number is judged as a bare one, and the finding says why."""
    sample = read(tmp_path, '{"rmse": {"value": 2.5, "standard_error": 0}}', "rmse")["rmse"]
    assert sample is not None
    judged = sample.bounded(0.05)
    assert (judged.point, judged.lower, judged.upper) == (True, 2.5, 2.5)
    assert judged.how == "judged as a point: its standard error is 0, which says nothing of chance"


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
        '{"accuracy": 40}',
        '{"accuracy": "nan"}',
        '{"accuracy": "-Infinity"}',
        '{"accuracy": {"value": "NaN", "n": 10}}',
        '{"accuracy": {"value": 55, "standard_error": 1}}',
        '{"accuracy": {"value": 30, "low": 29, "high": 31}}',
        '{"accuracy": {"value": 0.96, "n": 10, "epoch": 3}}',
        '{"accuracy": {"value": 0.96, "N": "2000"}}',
        '{"accuracy": {"top1": 0.96, "top5": 0.99}}',
        '{"accuracy": 1' + "0" * 400 + "}",
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latency_p99_ms", '{"value": 0.5, "n": 10}'),
        ("latency_p99_ms", "-1"),
        ("f1_score", '{"value": 0.9, "n": 2000}'),
        ("recall", '{"value": 55, "standard_error": 1}'),
    ],
)
def test_what_a_metric_cannot_be_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """A number of rows bounds no quantile and no F1, and a time is never negative."""
    with pytest.raises(EvidenceError, match=rf"m\.json: {name}"):
        read(tmp_path, f'{{"{name}": {value}}}', name)


@pytest.mark.parametrize(
    "other",
    [
        "NaN",
        '"nan"',
        "null",
        "[1, 2]",
        '"runs/last.ckpt"',
        "true",
        '{"a": {"b": NaN}}',
        "-Infinity",
        '{"value": 2, "n": -1}',
        '0, "other": 1',
        "1" + "0" * 400,
    ],
)
def test_what_no_rule_names_does_not_matter(tmp_path: Path, other: str) -> None:
    """A path, nothing, NaN, a list, a group and a name that stands twice refuse the file only where they are wanted."""
    text = f'{{"accuracy": 0.96, "other": {other}}}'
    assert read(tmp_path, text) == {"accuracy": Point(value=0.96)}
    if other != "0":
        with pytest.raises(EvidenceError, match=r"m\.json: other"):
            read(tmp_path, text, "other")


def test_what_only_describes_a_form_does_not_matter(tmp_path: Path) -> None:
    """The name of a data set beside value and n is no part that was misspelt."""
    text = '{"accuracy": {"value": 0.96, "n": 2000, "dataset": "x", "note": null}}'
    assert read(tmp_path, text) == {"accuracy": Proportion(successes=1920, n=2000)}


def test_a_nested_number_is_named_by_its_path(tmp_path: Path) -> None:
    """Through groups and lists, whatever dots and blanks the keys have; a form may stand there too."""
    text = json.dumps(
        {
            "test": {"acc": 0.94, "accuracy": {"value": 0.94, "n": 500}},
            "macro avg": {"f1-score": 0.9},
            "results": {"arc_easy": {"acc,none": 0.7}, "v1.5": {"acc": 0.6}},
            "runs": [{"acc": 0.5}],
            "val/acc": 0.8,
        }
    )
    names = (
        "test.acc",
        "test.accuracy",
        "macro avg.f1-score",
        "results.arc_easy.acc,none",
        "results.v1.5.acc",
        "runs.0.acc",
        "val/acc",
    )
    expected = (
        Point(value=0.94),
        Proportion(successes=470, n=500),
        *(Point(value=v) for v in (0.9, 0.7, 0.6, 0.5, 0.8)),
    )
    assert tuple(read(tmp_path, text, *names).values()) == expected
    assert read(tmp_path, text, "runs.1.acc", "runs.-1.acc", "test.acc.x", "runs.²") == dict.fromkeys(
        ("runs.1.acc", "runs.-1.acc", "test.acc.x", "runs.²")
    )


@pytest.mark.parametrize("text", ['{"a.b": 1, "a": {"b": 2}}', '{"a": {"b": 1, "b": 2}}', '{"a": {"b": 1}, "a": {}}'])
def test_a_name_that_means_two_numbers_is_refused(tmp_path: Path, text: str) -> None:
    """Nobody could say which one is judged."""
    if text.count('"a"') == 2:
        assert read(tmp_path, text, "a.b") == {"a.b": None}
    else:
        with pytest.raises(EvidenceError, match="more than once"):
            read(tmp_path, text, "a.b")


def test_a_group_is_no_number(tmp_path: Path) -> None:
    """Its message names what is in it."""
    with pytest.raises(EvidenceError, match="group of names") as problem:
        read(tmp_path, '{"test": {"accuracy": 0.9, "loss": 0.1}}', "test")
    assert "test.accuracy" in problem.value.cure


@pytest.mark.parametrize(
    ("there", "wanted", "said"),
    [
        ({"eval_accuracy": 0.9, "step": 1}, "accuracy", "did you mean 'eval_accuracy'?"),
        ({"acc": 0.9, "loss": 0.1}, "accuracy", "did you mean 'acc'?"),
        ({"test": {"f1": 0.9}, "train": {"f1": 1}}, "f1_score", "did you mean 'test.f1' or 'train.f1'?"),
        ({"train": {"acc": 1}, "test": {"acc": 0.9}}, "acc", "A rule on it reads 'test.acc': {at_least: ...}"),
        ({"auc": 0.9, "accuracy": 0.9}, "roc_auc", "did you mean 'auc'?"),
        ({"results": {"x": {"acc,none": 0.9}}}, "x.acc", "did you mean 'results.x.acc,none'?"),
        ({"accuracy": 0.9}, "acuracy", "did you mean 'accuracy'?"),
        ({"loss": 0.1, "name": "x"}, "accuracy", "it has 'loss'"),
        ({"eval_loss": 0.1}, "loss", "A rule on it reads 'eval_loss': {at_most: ...}"),
        ({str(i): i for i in range(9)}, "accuracy", "and 3 more"),
        ({"name": "x"}, "accuracy", "it has no number at all"),
    ],
)
def test_a_missing_name_is_told_with_the_nearest_one(there: object, wanted: str, said: str) -> None:
    """By its meaning first (acc, eval_accuracy), then by its spelling; else the file's own names are shown."""
    assert said in missing(json.dumps(there), wanted)


def test_marks_and_encodings(tmp_path: Path) -> None:
    """A byte order mark is read over; what PowerShell writes as UTF-16 is called that."""
    text = '{"accuracy": 0.96}'
    assert read(tmp_path, text.encode("utf-8-sig")) == {"accuracy": Point(value=0.96)}
    for name in ("utf-16", "utf-32"):
        with pytest.raises(EvidenceError, match=f"is {name.upper()} text"):
            read(tmp_path, text.encode(name))


def test_other_notations(tmp_path: Path) -> None:
    """YAML and TOML, which DVC takes as well, by the file's suffix."""
    assert read(tmp_path, "test:\n  acc: 0.9\n", "test.acc", file="m.yaml") == {"test.acc": Point(value=0.9)}
    assert read(tmp_path, "[test]\nacc = 0.9\n", "test.acc", file="m.toml") == {"test.acc": Point(value=0.9)}
    with pytest.raises(EvidenceError, match="is not a metrics file"):
        read(tmp_path, "a: [", file="m.yml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("label,prediction\n1,1\n", "looks like CSV"),
        ('{"label": 1, "prediction": 1}\n{"label": 0, "prediction": 0}\n', "looks like a table of rows"),
        ('[{"label": 1, "prediction": 1}]', "looks like a table of rows"),
    ],
)
def test_a_table_is_called_one(tmp_path: Path, text: str, says: str) -> None:
    """And the cure says where a table goes."""
    with pytest.raises(EvidenceError, match=says) as problem:
        read(tmp_path, text)
    assert "the input predictions" in problem.value.cure


def test_names_are_bounded() -> None:
    """A file of very many or very deep numbers costs no more than a file of many."""
    deep: object = 1
    for _ in range(400):
        deep = {"a": deep}
    assert "it has" in missing(json.dumps({"b": 1, "a": deep}), "accuracy")
    assert "4,994 more" in missing(json.dumps({f"n{i}": i for i in range(20_000)}), "accuracy")
    assert open_document(b"[" * 100_000, "m.json").problem


def test_an_absent_file(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(EvidenceError, match=r"nowhere\.json is not a file"):
        read_metrics(str(tmp_path / "nowhere.json"))


def test_a_folder(tmp_path: Path) -> None:
    """It is no file, and no bug."""
    with pytest.raises(EvidenceError, match="is not a file"):
        read_metrics(str(tmp_path))


def test_a_huge_file(tmp_path: Path) -> None:
    """A metrics file of more than 32 MiB is some other file."""
    with pytest.raises(EvidenceError, match="larger than 32 MiB"):
        read(tmp_path, " " * (LARGEST_FILE + 1))


def test_what_a_metric_cannot_be_is_shown_exactly(tmp_path: Path) -> None:
    """1.0000001 is no share, and is not shown as 1; the cure says what the metric is."""
    with pytest.raises(EvidenceError, match=r"1\.0000001 is outside 0 to 1") as problem:
        read(tmp_path, '{"accuracy": 1.0000001}')
    assert problem.value.cure == "accuracy is a share, not percent."


def test_the_last_importer_takes_what_is_left() -> None:
    """So no file is without a reader, and the errors for any file are those of our own form."""
    assert list(IMPORTERS.values())[-1].recognises(open_document(b"anything", "m.json"))
