"""Metrics files as other tools write them: who reads them, under which names, and with what spread.

The files are those of tests/conformance/metrics, as the tools wrote them (their versions stand in each case.yml).
"""

import json
import math
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ml_cicd.gate.importers.catalogue import IMPORTERS, import_metrics
from ml_cicd.gate.importers.document import open_document
from ml_cicd.gate.importers.reading import Reading, mean, sample_of, sentences
from ml_cicd.gate.mean import Mean
from ml_cicd.gate.samples import Estimate, FScore, Point, Proportion, Sample
from ml_cicd.ground.errors import EvidenceError

CASES = Path(__file__).resolve().parents[1] / "conformance" / "metrics"
FILES = {
    "trainer/eval_results.json": "trainer",
    "trainer-two-splits/all_results.json": "trainer",
    "trainer-predict/predict_results.json": "trainer",
    "classification-report/report.json": "classification_report",
    "classification-report-average/report.json": "classification_report",
    "classification-report-weights/report.json": "classification_report",
    "lm-eval/results.json": "lm_eval",
    "promptfoo/out.json": "promptfoo",
    "promptfoo-repeat/out.json": "promptfoo",
    "promptfoo-two-prompts/out.json": "promptfoo",
    "mlflow/metrics.json": "mlflow_metrics",
    "mlflow-versioned/metrics.json": "mlflow_metrics",
    "mlflow-table/eval_results_table.json": "mlflow_table",
    "evidently/report.json": "evidently",
    "evidently-before/report.json": "evidently",
    "wandb/wandb-summary.json": "wandb",
    "wandb-min/wandb-summary.json": "wandb",
    "dvc-show/m.json": "dvc",
    "dvc-show-two-revisions/m.json": "dvc",
    "dvclive/dvclive/metrics.json": "dvclive",
    "yolo/results.csv": "yolo",
    "yolo-blanks/results.csv": "yolo",
    "junit/junit.xml": "junit",
    "nested/m.json": "native",
    "matrix-and-time-beside-it/m.json": "native",
}


def reading(path: str, text: str = "") -> Reading:
    """Read a file of the cases, or another text under its name."""
    content = text.encode("utf-8", errors="surrogatepass") if text else (CASES / path).read_bytes()
    return import_metrics(content, path)


@pytest.mark.parametrize("path", FILES)
def test_a_file_has_one_reader(path: str) -> None:
    """No other importer would take it for its own, so their order decides nothing."""
    document = open_document((CASES / path).read_bytes(), path)
    assert [name for name, one in IMPORTERS.items() if one.recognises(document)][:-1] == [
        name for name in (FILES[path],) if name != "native"
    ]


def test_every_importer_has_a_file() -> None:
    """So each of them is tried on what its tool writes."""
    assert set(FILES.values()) == set(IMPORTERS)


@pytest.mark.parametrize(
    ("path", "name", "sample"),
    [
        ("trainer/eval_results.json", "accuracy", Proportion(successes=960, n=1000)),
        ("trainer/eval_results.json", "eval_accuracy", Proportion(successes=960, n=1000)),
        ("trainer/eval_results.json", "f1_score", Point(value=0.96)),
        ("trainer/eval_results.json", "eval_runtime", Point(value=0.0519)),
        ("trainer-two-splits/all_results.json", "accuracy", None),
        ("trainer-two-splits/all_results.json", "test_accuracy", Proportion(successes=960, n=1000)),
        ("classification-report/report.json", "accuracy", Proportion(successes=386, n=400)),
        ("classification-report/report.json", "1.recall", Proportion(successes=200, n=209)),
        ("classification-report/report.json", "1.precision", Proportion(successes=200, n=205)),
        (
            "classification-report/report.json",
            "1.f1-score",
            FScore(true_positives=200, false_positives=5, false_negatives=9),
        ),
        ("classification-report/report.json", "macro avg.f1-score", Point(value=0.9649570724137068)),
        ("classification-report/report.json", "f1_score", None),
        ("lm-eval/results.json", "results.arc_easy.acc,none", Proportion(successes=1714, n=2376)),
        ("lm-eval/results.json", "arc_easy.acc_norm,none", Mean(value=0.6855, standard_error=0.00953, n=2376)),
        ("lm-eval-before/results.json", "arc_easy.acc", Estimate(value=0.7214, standard_error=0.0092)),
        ("lm-eval-all-right/results.json", "arc_easy.acc,none", Proportion(successes=10, n=10)),
        ("lm-eval-no-error/results.json", "arc_easy.acc,none", Point(value=0.7214)),
        ("promptfoo/out.json", "pass_rate", Proportion(successes=39, n=40)),
        ("promptfoo/out.json", "results.stats.failures", Point(value=1)),
        ("promptfoo-repeat/out.json", "pass_rate", Proportion(successes=10, n=10)),
        ("promptfoo-two-prompts/out.json", "prompts.0.pass_rate", Proportion(successes=10, n=10)),
        ("promptfoo-errors/out.json", "pass_rate", Proportion(successes=96, n=100)),
        ("mlflow/metrics.json", "accuracy", Proportion(successes=266, n=300)),
        ("mlflow/metrics.json", "recall", Proportion(successes=146, n=163)),
        ("mlflow/metrics.json", "f1_score", FScore(true_positives=146, false_positives=17, false_negatives=17)),
        ("mlflow-inconsistent/metrics.json", "recall_score", Point(value=0.949)),
        ("mlflow-table/eval_results_table.json", "exact/v1/score", Proportion(successes=59, n=60)),
        ("evidently/report.json", "accuracy", Point(value=0.954)),
        ("evidently/report.json", "MissingValueCount(column=age).count", Point(value=5)),
        ("evidently-before/report.json", "f1_score", Point(value=0.9556840077071291)),
        ("wandb/wandb-summary.json", "val/acc", Point(value=0.95)),
        ("dvc-show/m.json", "test.acc", Point(value=0.8)),
        ("dvc-show-two-revisions/m.json", "test.acc", None),
        ("dvclive/dvclive/metrics.json", "train.acc", Point(value=0.91)),
        ("yolo-blanks/results.csv", "metrics/mAP50-95(B)", Point(value=0.5)),
        ("junit/junit.xml", "pass_rate", Proportion(successes=20, n=22)),
        ("junit/junit.xml", "skipped", Point(value=1)),
        ("junit-all-skipped/junit.xml", "pass_rate", None),
    ],
)
def test_a_number_has_the_spread_that_the_file_knows(path: str, name: str, sample: Sample | None) -> None:
    """Counts and standard errors are used; where there is none, the number is a point."""
    found = sample_of(reading(path), name)
    if isinstance(found, Proportion) and isinstance(sample, Proportion):
        assert found.successes == pytest.approx(sample.successes, abs=1e-9)
        assert found.n == sample.n
    else:
        assert found == sample


def test_a_mean_has_the_standard_error_of_its_rows() -> None:
    """That of the mean, from the spread between rows."""
    found = sample_of(reading("mlflow-table/eval_results_table.json"), "judge/v1/score")
    assert isinstance(found, Mean)
    assert found.n == 60
    assert found.value == pytest.approx(4.5)
    assert found.standard_error == pytest.approx(math.sqrt(0.25 * 60 / 59 / 60))


@pytest.mark.parametrize("path", [path for path in FILES if FILES[path] != "native"])
def test_what_was_read_is_said(path: str) -> None:
    """One sentence names the file and the tool; a plain metrics file needs none."""
    (sentence,) = sentences(reading(path), [])
    assert sentence == f"{path} is read as {IMPORTERS[FILES[path]].tool}."
    assert sentences(reading("nested/m.json"), ["test.acc"]) == ()


def test_a_mean_of_few_rows_is_not_sure() -> None:
    """Three scores that agree by chance have Student's bounds, and a spread that is no number none at all."""
    few = Mean(value=4.3, standard_error=1 / 3, n=3).bounded(0.05)
    assert few.lower == pytest.approx(4.3 - 2.919985580 / 3)
    assert few.needed(4.0) is not None
    for error, rows in ((math.nan, 3), (-1.0, 3), (0.1, 1), (math.inf, 3)):
        with pytest.raises(EvidenceError, match="is no mean"):
            Mean(value=4.3, standard_error=error, n=rows)
    with pytest.raises(EvidenceError, match="has no bounds"):
        Mean(value=1e308, standard_error=1e308, n=3).bounded(0.05)


def test_only_zeros_and_ones_are_a_share() -> None:
    """Their spread is the widest that a mean between 0 and 1 can have; with any other one it is a mean."""
    error = math.sqrt(0.9 * 0.1 / 99)
    found = [mean(0.9, "x", error=one, named="e", n=100).sample(0.9) for one in (error, error * 0.999)]
    assert [type(sample) for sample in found] == [Proportion, Mean]


def test_a_file_s_own_name_comes_first() -> None:
    """`accuracy` beside `eval_accuracy` is not overridden by what the tool's format makes of the other."""
    text = json.dumps({"eval_loss": 0.1, "eval_accuracy": 0.9, "eval_samples": 100, "accuracy": 0.5})
    assert sample_of(reading("m.json", text), "accuracy") == Point(value=0.5)


@pytest.mark.parametrize("rows", [None, "many", 0, -5, True, 10**400, math.nan])
def test_rows_that_are_no_number_bound_nothing(rows: object) -> None:
    """The number is a point then, as it is without them."""
    text = json.dumps({"eval_loss": 0.1, "eval_accuracy": 0.9, "eval_samples": rows})
    assert sample_of(reading("m.json", text), "accuracy") == Point(value=0.9)


JUNK: st.SearchStrategy[object] = st.one_of(
    st.sampled_from(
        [math.nan, math.inf, -math.inf, None, True, "nan", "", 10**400, -1, 0, 1, 1.5, [], {}, [[]], {"": 1}]
    ),
    st.floats(),
    st.integers(),
    st.text(alphabet=string.printable + "\u202e\ud800", max_size=5),
)


def places(tree: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return where everything in a document stands."""
    parts = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    return [path, *(place for key, value in parts for place in places(value, (*path, key)))]


def put(tree: object, path: tuple[object, ...], value: object) -> object:
    """Return a document with something else at one place."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(tree, dict):
        return {key: put(part, rest, value) if key == head else part for key, part in tree.items()}
    assert isinstance(tree, list)
    return [put(part, rest, value) if index == head else part for index, part in enumerate(tree)]


def all_nan(tree: object) -> object:
    """Return a document in which every number is none."""
    if isinstance(tree, dict):
        return {key: all_nan(part) for key, part in tree.items()}
    if isinstance(tree, list):
        return [all_nan(part) for part in tree]
    return math.nan if isinstance(tree, int | float) and not isinstance(tree, bool) else tree


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".json")])
def test_nan_never_makes_a_sample(path: str) -> None:
    """Where every number of a file is NaN there is nothing to judge, under whatever name it had."""
    tree = json.loads((CASES / path).read_text("utf-8"))
    names = [*reading(path).names, *reading(path, json.dumps(all_nan(tree))).names]
    assert names
    for name in names:
        try:
            assert sample_of(reading(path, json.dumps(all_nan(tree))), name) is None
        except EvidenceError:
            continue


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([path for path in FILES if path.endswith(".json")]), st.data())
def test_no_damage_is_a_bug_or_a_number(path: str, data: st.DataObject) -> None:
    """Whatever stands in place of any part, the file is read or refused, and every sample is finite."""
    tree = json.loads((CASES / path).read_text("utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        tree = put(tree, data.draw(st.sampled_from(places(tree))), data.draw(JUNK))
    try:
        found = reading(path, json.dumps(tree))
        names = list(found.names)[:200]
    except EvidenceError:
        return
    for name in names:
        try:
            sample = sample_of(found, name)
            judged = sample.bounded(0.05) if sample is not None else None
        except EvidenceError:
            continue
        numbers = (judged.value, judged.lower, judged.upper) if judged else ()
        assert all(number is None or math.isfinite(number) for number in numbers)


@settings(max_examples=200, deadline=None)
@example("yolo/results.csv", 1, "\r", 0)
@example("yolo/results.csv", 1, '"', 0)
@given(
    st.sampled_from([path for path in FILES if not path.endswith(".json")]),
    st.integers(0, 5000),
    st.text(alphabet=string.printable, max_size=3),
    st.integers(0, 5000),
)
def test_no_cut_is_a_bug(path: str, at: int, inside: str, lost: int) -> None:
    """A file cut off anywhere, or with some other letters in it, is read or refused."""
    text = (CASES / path).read_text("utf-8")
    try:
        found = reading(path, (text[:at] + inside + text[at + lost :]) or " ")
        for name in found.names:
            sample_of(found, name)
    except EvidenceError:
        return
