"""A model and a test set in memory answer the same needs as a table, in every form that training scripts have."""

from collections import UserDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import skew
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ml_cicd.gate.engines.in_memory import InMemory
from ml_cicd.gate.engines.memory import timings_needed
from ml_cicd.gate.engines.rows import leaves, rows_in
from ml_cicd.gate.evidence import Evidence
from ml_cicd.gate.hints import NO_HINTS, Hints
from ml_cicd.gate.mean import Mean
from ml_cicd.gate.samples import Proportion
from ml_cicd.gate.settings import Role
from ml_cicd.gate.statistics import QuantileNeed
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.finding import Scope, Subject

torch = pytest.importorskip("torch")

ACCURACY, RECALL, ERROR = (Subject(metric=name) for name in ("accuracy", "recall", "mean_absolute_error"))
X = torch.from_numpy(np.random.default_rng(7).normal(size=(60, 3)).astype("float32"))
TRUTH = (X.sum(1) > 0).long()
TRUTH[:6] = 1 - TRUTH[:6]
ONE_HOT = torch.nn.functional.one_hot(TRUTH, 2)
RIGHT = Proportion(successes=54, n=60)


def nothing(_line: str) -> None:
    """Hear nothing."""


def measured(model: Any, data: Any, wanted: Subject = ACCURACY, **hints: Any) -> Evidence:
    """Measure one thing."""
    judged = InMemory(model=model, data=data, hints=Hints(**hints), say=nothing)
    return judged.measure(frozenset({wanted}), 0.95)


class Calls(torch.nn.Module):  # type: ignore[misc,name-defined]  # torch is half-typed
    """A module that is one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Let torch see the function's own signature."""
        super().__init__()
        self.forward = function


def scores(x: Any) -> Any:
    """Score both classes by the sum of a row."""
    return torch.cat([-x.sum(1, keepdim=True), x.sum(1, keepdim=True)], 1)


class Output(dict[str, Any]):
    """What a model of Hugging Face's returns: a mapping whose entries are attributes too."""

    @property
    def logits(self) -> Any:
        """The scores."""
        return self["logits"]


class OnlyAttributes:
    """An output that is no mapping."""

    def __init__(self, logits: Any) -> None:
        """Keep them."""
        self.logits = logits


def named(input_ids: Any, attention_mask: Any = None, labels: Any = None) -> Any:
    """Answer as a model of Hugging Face's does; labels must not come in."""
    assert labels is None
    return Output(loss=None, hidden=torch.zeros(len(input_ids), 9), logits=scores(input_ids * attention_mask))


ONES = torch.ones(60, 3)
BATCHES: dict[str, tuple[Any, Any]] = {
    "pairs": (scores, [(X, TRUTH)]),
    "lists of pairs": (scores, [[X[:40], TRUTH[:40]], [X[40:], TRUTH[40:]]]),
    "(X, y)": (scores, (X, TRUTH)),
    "[X, y]": (scores, [X, TRUTH]),
    "labels as a list": (scores, [(X, TRUTH.tolist())]),
    "labels (n, 1)": (scores, [(X, TRUTH[:, None])]),
    "float labels": (scores, [(X, TRUTH.float())]),
    "one-hot labels": (scores, [(X, ONE_HOT)]),
    "one-hot float labels": (scores, [(X, ONE_HOT.float())]),
    "mapping": (named, [{"input_ids": X, "attention_mask": ONES, "labels": TRUTH}]),
    "mapping of another class": (named, [UserDict(input_ids=X, attention_mask=ONES, labels=TRUTH)]),
    "mapping with label": (named, [{"input_ids": X, "attention_mask": ONES, "label": TRUTH}]),
    "mapping beside labels": (named, [({"input_ids": X, "attention_mask": ONES}, TRUTH)]),
    "two inputs in a tuple": (lambda a, b: scores(a * b), [((X, ONES), TRUTH)]),
    "two inputs in a list": (lambda a, b: scores(a * b), [[[X, ONES], TRUTH]]),
    "two inputs before labels": (lambda a, b: scores(a * b), [(X, ONES, TRUTH)]),
    "((X1, X2), y)": (lambda a, b: scores(a * b), ((X, ONES), TRUTH)),
    "logits as an attribute": (lambda x: OnlyAttributes(scores(x)), [(X, TRUTH)]),
    "output in a mapping": (lambda x: {"scores": scores(x)}, [(X, TRUTH)]),
    "output in a tuple": (lambda x: (scores(x), torch.zeros(4, len(x), 8)), [(X, TRUTH)]),
    "half precision": (lambda x: scores(x).bfloat16(), [(X, TRUTH)]),
    "one logit": (lambda x: x.sum(1) * 4, [(X, TRUTH)]),
    "one logit (n, 1)": (lambda x: x.sum(1, keepdim=True) * 4, [(X, TRUTH.float()[:, None])]),
    "labels -1 and 1": (lambda x: x.sum(1) * 4, [(X, TRUTH * 2 - 1)]),
    "true and false": (lambda x: x.sum(1) > 0, [(X, TRUTH.bool())]),
    "classes": (lambda x: (x.sum(1) > 0).long(), [(X, TRUTH)]),
    "classes (n, 1)": (lambda x: (x.sum(1, keepdim=True) > 0).long(), [(X, TRUTH)]),
    "classes in a list": (lambda x: (x.sum(1) > 0).long().tolist(), [(X, TRUTH)]),
}


@pytest.mark.parametrize("form", BATCHES)
def test_what_training_scripts_have(form: str) -> None:
    """Each form of batch, label and output comes to the same 54 of 60."""
    function, data = BATCHES[form]
    assert measured(Calls(function), data).samples == {ACCURACY: RIGHT}


def linear() -> Any:
    """Return a module with weights: it says which type its inputs have."""
    layer = torch.nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 3))
    return layer


@pytest.mark.parametrize("change", [np.float64, np.float32], ids=["double", "single"])
def test_arrays_become_what_the_weights_are(change: Any) -> None:
    """NumPy's floats are doubles unless somebody cares; a module of singles would refuse them."""
    data = (X.numpy().astype(change), TRUTH.numpy())
    assert measured(linear(), data).samples == {ACCURACY: RIGHT}
    assert measured(linear(), [data]).samples == {ACCURACY: RIGHT}


def test_a_loader_of_torch_is_read() -> None:
    """Batches of a DataLoader, of pairs and of mappings."""
    rows = [{"x": x, "label": y} for x, y in zip(X, TRUTH, strict=True)]
    pairs = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, TRUTH), batch_size=7)
    assert measured(linear(), pairs).samples == {ACCURACY: RIGHT}
    found = measured(Calls(scores), torch.utils.data.DataLoader(rows, batch_size=7))
    assert found.samples == {ACCURACY: RIGHT}
    assert "The labels are 'label' of a batch." in found.notes


@pytest.mark.parametrize(
    ("function", "data", "note"),
    [
        (scores, [(X, TRUTH)], "The class of a row is the place of the highest of 2 scores."),
        (
            lambda x: x.sum(1) * 4,
            [(X, TRUTH)],
            "One score a row: above 0 (a logit; probability 0.5) the class is 1, else 0.",
        ),
        (
            lambda a, b: scores(a * b),
            [(X, ONES, TRUTH)],
            "The last of a batch's 3 parts is the labels, the others are inputs.",
        ),
        (scores, [(X, ONE_HOT)], "The labels are one-hot: the class is the place of the 1 among 2."),
        (named, BATCHES["mapping"][1], "The answers are `logits` of the model's output"),
        (BATCHES["output in a tuple"][0], [(X, TRUTH)], "The answers are 0 of the model's output"),
    ],
    ids=["argmax", "logit", "last part", "one-hot", "logits", "tuple"],
)
def test_what_was_decided_is_a_note(function: Any, data: Any, note: str) -> None:
    """Nothing is guessed in silence."""
    assert any(found.startswith(note) for found in measured(Calls(function), data).notes)


AMBIGUOUS = {
    "probability or logit": (
        lambda x: torch.sigmoid(x.sum(1)),
        (X, TRUTH),
        "to 0.*probabilities or logits",
        "decision_threshold",
    ),
    "weights or inputs": (
        scores,
        [(X, TRUTH, torch.ones(60))],
        r"\(60,\) int64, \(60,\) float32.: which part",
        "labels=2",
    ),
    "two kinds of labels": (
        named,
        [{"x": X, "label": TRUTH, "labels": TRUTH}],
        "'x': .60, 3. float32.*which part",
        'labels="..."',
    ),
    "no such input": (
        scores,
        [{"a": X, "b": X, "labels": TRUTH}],
        r"'a': .60, 3. float32.*forward takes \(x\)",
        "predict=",
    ),
    "too many inputs": (scores, [((X, X), TRUTH)], r"forward takes \(x\)", "predict="),
    "two answers": (
        lambda x: (scores(x), scores(x)),
        [(X, TRUTH)],
        r"\(60, 2\) float32.: which are the answers",
        "predict=",
    ),
    "one score, three classes": (
        lambda x: x.sum(1),
        [(X, torch.arange(60) % 3)],
        "one score a row, and the labels are 0, 1, 2",
        "positive=",
    ),
    "sequences": (lambda x: x[:, :, None].expand(-1, -1, 4), [(X, TRUTH)], r"\(60, 3, 4\) float32", "predict="),
    "several labels": (scores, [(X, (X > 0).long())], r"\(60, 3\) int64 have several values", "one label a row"),
    "shares for labels": (scores, [(X, X[:, 0])], "numbers such as", "mean_absolute_error"),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_what_can_be_read_twice_is_an_error(case: str) -> None:
    """It shows what was found, and names the argument that settles it."""
    function, data, shows, cure = AMBIGUOUS[case]
    with pytest.raises((EvidenceError, InputError), match=shows) as problem:
        measured(Calls(function), data)
    assert cure in problem.value.cure


@pytest.mark.parametrize(
    ("function", "data", "hints"),
    [
        (lambda x: torch.sigmoid(x.sum(1)), (X, TRUTH), {"decision_threshold": 0.5}),
        (scores, [(X, TRUTH, ONES)], {"labels": 1, "predict": lambda model, inputs: model(inputs[0])}),
        (scores, [(TRUTH, X)], {"labels": 0}),
        (scores, [{"a": X, "b": X, "wanted": TRUTH}], {"labels": "wanted", "predict": lambda m, i: m(i["a"])}),
        (lambda x: (scores(x), -scores(x)), [(X, TRUTH)], {"predict": lambda model, inputs: model(inputs)[0]}),
        (scores, [(X, TRUTH)], {"predict": lambda model, inputs: model(inputs).argmax(1).numpy()}),
        (lambda x: x.sum(1), [(X, ["no" if y == 0 else "yes" for y in TRUTH])], {"positive": "yes"}),
    ],
    ids=["probability", "weights", "labels first", "names", "two answers", "NumPy", "positive"],
)
def test_an_argument_settles_it(function: Any, data: Any, hints: dict[str, Any]) -> None:
    """What the errors name works."""
    (sample,) = measured(Calls(function), data, **hints).samples.values()
    assert sample == RIGHT


def test_the_positive_class_can_be_named() -> None:
    """Recall is of the class that `positive` names, and of 1 where nobody names one."""
    first, other = (measured(linear(), (X, TRUTH), RECALL, **h).samples[RECALL] for h in ({}, {"positive": 0}))
    assert isinstance(first, Proportion)
    assert isinstance(other, Proportion)
    assert (first.of, other.of) == ("recall of 1", "recall of 0")
    assert (first.n, other.n) == (int(TRUTH.sum()), 60 - int(TRUTH.sum()))
    with pytest.raises(EvidenceError, match="No row is of the class 7; there are 0, 1"):
        measured(linear(), (X, TRUTH), RECALL, positive=7)


@pytest.mark.parametrize(
    "wrong", [{"predict": 3}, {"labels": 1.5}, {"labels": True}, {"positive": [1]}, {"decision_threshold": "high"}]
)
def test_hints_that_are_none(wrong: dict[str, Any]) -> None:
    """They are refused before anything is asked."""
    with pytest.raises(InputError, match=next(iter(wrong))):
        Hints(**wrong)


def test_a_threshold_is_not_ignored() -> None:
    """Where classes or scores for each come out, it would have no effect."""
    with pytest.raises(InputError, match="decision_threshold cuts one score") as problem:
        measured(linear(), (X, TRUTH), decision_threshold=0.3)
    assert "predict_proba" in problem.value.cure


TABLE, WORDS = X.numpy().astype(float), np.where(TRUTH.numpy() == 1, "yes", "no")


@pytest.mark.parametrize(
    ("model", "inputs", "labels"),
    [
        (LogisticRegression(), TABLE, TRUTH.numpy()),
        (RandomForestClassifier(n_estimators=5, random_state=0), TABLE, WORDS),
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            pd.DataFrame(TABLE, columns=list("abc")),
            pd.Series(WORDS),
        ),
        (LogisticRegression(), sparse.csr_matrix(TABLE), TRUTH.numpy()),
        (LogisticRegression(), TABLE, TRUTH.numpy().astype(float)),
        (LogisticRegression(), TABLE.tolist(), TRUTH.tolist()),
        (LogisticRegression(), X, TRUTH),
    ],
    ids=["arrays", "words", "frame", "sparse", "float classes", "lists", "tensors"],
)
def test_estimators_are_asked_by_predict(model: Any, inputs: Any, labels: Any) -> None:
    """scikit-learn's accuracy is ours, on (X, y) and on batches of it."""
    model.fit(inputs if not hasattr(inputs, "detach") else inputs.numpy(), np.asarray(labels))
    right = model.score(inputs if not hasattr(inputs, "detach") else inputs.numpy(), np.asarray(labels))
    whole = measured(model, (inputs, labels)).samples[ACCURACY]
    assert whole == Proportion(successes=round(right * 60), n=60)
    assert measured(model, [(inputs, labels)]).samples[ACCURACY] == whole


def test_an_estimators_scores_can_be_cut() -> None:
    """A threshold of one's own goes with the probability of one's own."""
    model = LogisticRegression().fit(TABLE, WORDS)
    found = measured(
        model,
        (TABLE, WORDS),
        predict=lambda model, inputs: model.predict_proba(inputs)[:, 1],
        decision_threshold=0.2,
        positive="yes",
    )
    expected = ((model.predict_proba(TABLE)[:, 1] > 0.2) == (WORDS == "yes")).sum()
    assert found.samples[ACCURACY] == Proportion(successes=int(expected), n=60)


def test_no_model_is_a_function_of_nothing() -> None:
    """A function is asked by way of `predict`; what has neither is refused with what to give."""
    found = measured(None, (TABLE, TRUTH.numpy()), predict=lambda _, inputs: (inputs.sum(1) > 0).astype(int))
    assert found.samples == {ACCURACY: RIGHT}
    with pytest.raises(InputError, match="The model is nothing") as problem:
        measured(None, (TABLE, TRUTH.numpy()))
    assert "predict=" in problem.value.cure


@pytest.mark.parametrize("kind", ["estimator", "module", "module (n, 1)"])
def test_numbers_are_judged_by_their_error(kind: str) -> None:
    """The mean of the absolute errors with the standard error of the rows, as NumPy has them."""
    wanted = TABLE @ np.array([1.0, 2.0, 3.0]) + np.random.default_rng(1).normal(size=60)
    model: Any = LinearRegression().fit(TABLE, wanted)
    errors = np.abs(model.predict(TABLE) - wanted)
    if kind != "estimator":
        line, width = model, kind == "module (n, 1)"
        weights = torch.tensor(line.coef_)
        model = Calls(
            lambda x: (x.double() @ weights + line.intercept_)[:, None] if width else x @ weights + line.intercept_
        )
    sample = measured(model, (TABLE, wanted), ERROR).samples[ERROR]
    assert isinstance(sample, Mean)
    assert sample.value == pytest.approx(errors.mean(), rel=1e-12)
    assert sample.standard_error == pytest.approx(errors.std(ddof=1) / 60**0.5, rel=1e-12)
    assert sample.skewness == pytest.approx(skew(errors), rel=1e-12)


@pytest.mark.parametrize(
    ("model", "data", "why"),
    [
        (scores, (X, TRUTH), "not one number a row"),
        (lambda x: x.sum(1), (X[:20], X[:20, 0]), "needs 30 rows, and there are 20"),
    ],
)
def test_errors_that_cannot_be_measured_are_absent(model: Any, data: Any, why: str) -> None:
    """Scores are no number, and a handful of errors has no bound."""
    assert why in measured(Calls(model), data, ERROR).absent[ERROR]


def test_what_a_test_set_cannot_give_is_absent() -> None:
    """A metric of one's own, and a comparison."""
    wanted = frozenset({Subject(metric="cost"), Subject(metric="accuracy", scope=Scope.CHANGE)})
    found = InMemory(model=linear(), data=(X, TRUTH), hints=NO_HINTS, say=nothing).measure(wanted, 0.95)
    assert set(found.absent) == wanted
    assert not found.has_champion


@pytest.mark.parametrize("form", ["tensors", "arrays", "frame", "sparse", "words", "mapping"])
def test_rows_have_no_order(form: str) -> None:
    """Shuffled, and cut into other batches, a test set is the same evidence; another row is not."""
    forms: dict[str, Any] = {
        "tensors": X,
        "arrays": TABLE,
        "frame": pd.DataFrame(TABLE, columns=list("abc")).assign(text=[f"t{i}" * (i % 5) for i in range(60)]),
        "sparse": sparse.csr_matrix(TABLE),
        "words": np.array(["w" * (i % 7) + str(i) for i in range(60)]),
        "mapping": {"a": X, "b": ONES},
    }
    inputs = forms[form]

    def taken(rows: Any) -> Any:
        if isinstance(inputs, dict):
            return {name: part[rows] for name, part in inputs.items()}
        return inputs.iloc[rows] if hasattr(inputs, "iloc") else inputs[rows]

    def digest(batches: list[Any]) -> str:
        data = [(taken(rows), TRUTH.numpy()[rows]) for rows in batches]
        found = measured(
            None, data, predict=lambda _model, part: np.zeros(rows_in(next(iter(leaves(part).values()))) or 0, np.int64)
        )
        return found.digests["test_loader"]

    order = np.random.default_rng(3).permutation(60)
    first = digest([np.arange(60)])
    assert first == digest([order[:17], order[17:]])
    assert first != digest([np.arange(59)])
    assert first != digest([np.arange(60), np.arange(1)])


def test_labels_belong_to_their_rows() -> None:
    """The same rows and the same labels, paired otherwise, are another test set."""
    first, second = (measured(linear(), (X, labels)).digests for labels in (TRUTH, TRUTH.flip(0)))
    assert first != second


def test_what_has_no_bytes_is_refused() -> None:
    """An object's text may be its address, and no digest of it says what was judged."""
    with pytest.raises(EvidenceError, match="which has no bytes that name it"):
        measured(None, [([object(), object()], [0, 1])], predict=lambda _model, _inputs: [0, 1])


P99 = QuantileNeed(role=Role.LATENCY_MS, quantile=0.99, confidence=0.95)
P50 = QuantileNeed(role=Role.LATENCY_MS, quantile=0.5, confidence=0.95)


def test_a_quantile_is_timed_until_it_has_a_bound() -> None:
    """299 timings for p99 at 95 %, fewer for the median, none where no time is wanted."""
    assert timings_needed([P50, P99]) == 299
    assert timings_needed([P50]) == 5
    assert timings_needed([]) == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([(X[:20], TRUTH[:20]), (X[20:], TRUTH[20:])], ["takes 299 timings to bound; the test set has 2 batches"]),
        ((X, TRUTH), ["takes 299 timings to bound; the test set has 60 rows"]),
        ([(X[:1], TRUTH[:1])] * 299, []),
        ((X.repeat(5, 1), TRUTH.repeat(5)), []),
    ],
    ids=["batches", "rows", "enough batches", "enough rows"],
)
def test_how_many_timings_are_needed_is_said_before(data: Any, said: list[str]) -> None:
    """Before the model is asked at all."""
    heard: list[str] = []
    asked: list[int] = []

    def predict(_model: Any, inputs: Any) -> Any:
        asked.append(len(heard))
        return scores(inputs)

    judged = InMemory(model=None, data=data, hints=Hints(predict=predict), say=heard.append)
    found = judged.measure(frozenset({Subject(metric="latency_p99_ms")}), 0.95)
    assert all(part in line for part, line in zip(said, heard, strict=True))
    assert set(asked) == {len(said)}
    (sample,) = found.samples.values()
    assert sample.bounded(0.05).upper is not None


def test_a_row_of_a_table_is_timed_alone() -> None:
    """A request is one row, so (X, y) is timed row by row; the note says so, and answers are not asked again for it."""
    sizes: list[int] = []

    def predict(_model: Any, inputs: Any) -> Any:
        sizes.append(len(inputs))
        return scores(inputs)

    found = measured(None, (X, TRUTH), Subject(metric="latency_p50_ms"), predict=predict)
    assert sizes.count(60) == 4  # three to warm up
    assert sizes.count(1) == 63
    assert "A latency is the time of one row, asked alone." in found.notes
