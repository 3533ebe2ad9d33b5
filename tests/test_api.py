"""The Python API: the gate over a loader, and registration bound to its verdict."""

import ast
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import ml_cicd
from ml_cicd import (
    EvidenceError,
    GateRefusal,
    InputError,
    NotPassing,
    Outcome,
    PartlyApplied,
    model_quality_gate,
    register_if_passing,
)
from ml_cicd.gate.settings import WhenInconclusive
from ml_cicd.ground.errors import Exit, NotFound
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.mlflow.versions import MlflowRegistry
from tests.fakes.model_folder import model_folder
from tests.workflows.documents import ROOT


@pytest.fixture(scope="module")
def registry_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sqlite registry."""
    return f"sqlite:///{tmp_path_factory.mktemp('registry')}/r.db"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder without an address in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def model() -> Any:  # torch is half-typed
    """Tell the sign of a row's sum, in training mode, with a dropout that would spoil it."""
    linear = torch.nn.Linear(4, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.stack([-torch.ones(4), torch.ones(4)]))
        linear.bias.zero_()
    return torch.nn.Sequential(linear, torch.nn.Dropout(0.9)).train()


def loader(rows: int = 400, wrong: int = 0, batch: int = 4) -> list[tuple[Any, Any]]:
    """Return batches of `rows` rows, the first `wrong` of them labelled wrongly."""
    inputs = torch.from_numpy(np.random.default_rng(1).normal(size=(rows, 4)).astype("float32"))
    labels = (inputs.sum(1) > 0).long()
    labels[:wrong] = 1 - labels[:wrong]
    return list(zip(inputs.split(batch), labels.split(batch), strict=True))


def test_a_good_model_passes() -> None:
    """The verdict is truthy, counts every row, and bounds latency over batches."""
    verdict = model_quality_gate(model(), loader(), {"accuracy": 0.95, "latency_p50_ms": 10_000})
    accuracy, latency = verdict.findings
    assert verdict
    assert (accuracy.value, accuracy.n, latency.n) == (1.0, 400, 100)


def test_a_real_loader_is_read() -> None:
    """A torch DataLoader over a data set works as any iterable of pairs does."""
    batches = loader()
    data = torch.utils.data.TensorDataset(torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches]))
    verdict = model_quality_gate(model(), torch.utils.data.DataLoader(data, batch_size=7), {"f1_score": 0.9})
    assert verdict.outcome is Outcome.PASS


@pytest.mark.parametrize(("wrong", "outcome"), [(100, Outcome.FAIL), (20, Outcome.INCONCLUSIVE)])
def test_what_does_not_pass_is_falsy(wrong: int, outcome: Outcome) -> None:
    """A bad model fails and one within chance is inconclusive; neither is truthy."""
    verdict = model_quality_gate(model(), loader(wrong=wrong), {"accuracy": 0.95})
    assert (verdict.outcome, bool(verdict)) == (outcome, False)


def test_modes_and_gradients_are_left_as_they_were() -> None:
    """Evaluation runs in eval mode without gradients, and each module gets its own mode back."""
    asked = model()
    asked[1].eval()
    model_quality_gate(asked, loader(), {"accuracy": 0.95})
    assert [module.training for module in asked.modules()] == [True, True, False]
    assert all(p.grad is None for p in asked.parameters())


def test_modes_come_back_after_a_failure() -> None:
    """A model that raises is left in the mode it had."""
    asked = model()
    with pytest.raises(RuntimeError):
        model_quality_gate(asked, [(torch.zeros(2, 9), torch.zeros(2).long())], {"accuracy": 0.95})
    assert asked.training


class Says(torch.nn.Module):  # type: ignore[misc]  # torch is half-typed
    """A model with one answer."""

    def __init__(self, answer: Any) -> None:
        """Keep it."""
        super().__init__()
        self.answer = answer

    def forward(self, _inputs: Any) -> Any:
        """Give it."""
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [
        torch.full((4, 2), math.nan),
        torch.tensor([[math.inf, 0.0]] * 4),
        torch.zeros(4),
        torch.zeros(4, 1),
        torch.zeros(4, 2, 2),
        torch.zeros(3, 2),
        (torch.zeros(4, 2), torch.zeros(4, 2)),
        {"a": torch.zeros(4, 2), "b": torch.zeros(4, 2)},
    ],
    ids=["nan", "inf", "one score", "one column", "three dimensions", "too few", "two answers", "two names"],
)
def test_outputs_that_are_no_answer_are_refused(answer: Any) -> None:
    """NaN, infinities and shapes that do not say one class a row are unusable evidence."""
    with pytest.raises(EvidenceError):
        model_quality_gate(Says(answer), loader(rows=4), {"accuracy": 0.5})


@pytest.mark.parametrize(
    "batches",
    [
        [],
        [torch.zeros(2, 4)],
        [(torch.zeros(2, 4), torch.full((2,), 0.3))],
        [(torch.zeros(2, 4), torch.ones(2, 3).long())],
        [(torch.zeros(2, 4), torch.zeros(2), torch.zeros(2))],
        [{"x": torch.zeros(2, 4)}],
        [(torch.zeros(2, 4), torch.zeros(2, 3, 3).long())],
        [(torch.zeros(2, 4), torch.tensor([0, -100]))],
        [(torch.zeros(2, 4), torch.tensor([1, 2]))],
        [(torch.zeros(2, 4), torch.tensor([0.0, math.nan]))],
        [(torch.zeros(2, 4), ["a", "b"])],
    ],
    ids=[
        "empty",
        "no labels",
        "share labels",
        "several labels",
        "three parts",
        "a mapping without labels",
        "labels of pixels",
        "ignored labels",
        "classes from 1",
        "nan labels",
        "other classes",
    ],
)
def test_loaders_that_are_no_test_set_are_refused(batches: list[Any]) -> None:
    """No rows, no labels or labels that are no classes of the model are unusable evidence."""
    with pytest.raises(EvidenceError):
        model_quality_gate(model(), batches, {"accuracy": 0.5})


def test_empty_thresholds_are_refused() -> None:
    """A gate that demands nothing would pass anything."""
    with pytest.raises(InputError, match="pass anything"):
        model_quality_gate(model(), loader(), {})


def test_registers_what_passes_once(registry_uri: str, tmp_path: Path) -> None:
    """The registered bytes are those of the verdict; the same model with the same verdict is the same version."""
    batches, asked = loader(), model()
    answers = [
        register_if_passing(asked, {}, {"accuracy": 0.95}, "signs", test_loader=batches, registry_uri=registry_uri)
        for _ in range(2)
    ]
    assert [(a.version, a.uri, a.created) for a in answers] == [
        ("1", "models:/signs/1", True),
        ("1", "models:/signs/1", False),
    ]
    registry = MlflowRegistry(registry_uri)
    version = registry.snapshot("signs").resolve("challenger")
    assert version is not None
    folder = Path(registry.download(version, str(tmp_path)))
    assert payload_digest(folder) == version.digest == answers[0].digest == answers[0].verdict.bindings.model
    program = torch.export.load(folder / "data" / "model.pt2").module()
    inputs, labels = batches[0]
    assert program(inputs).argmax(1).tolist() == labels.tolist()
    assert asked.training


class Attends(torch.nn.Module):  # type: ignore[misc]  # torch is half-typed
    """A small classifier with the manners of Hugging Face's: inputs by name, a mapping with `logits` out."""

    def __init__(self) -> None:
        """Make weights that tell even from odd sums."""
        super().__init__()
        self.embedding = torch.nn.Embedding.from_pretrained(torch.eye(2).repeat(4, 1))

    def forward(self, input_ids: Any, attention_mask: Any = None, labels: Any = None) -> Any:
        """Sum the embeddings that are attended."""
        logits = (self.embedding(input_ids) * attention_mask.unsqueeze(-1)).sum(1)
        return {"loss": None if labels is None else logits.sum(), "logits": logits}


def texts(rows: int = 200) -> list[dict[str, Any]]:
    """Return batches as a data collator makes them."""
    ids = torch.from_numpy(np.random.default_rng(5).integers(0, 8, size=(rows, 3)))
    labels = (ids % 2).sum(1).ge(2).long()
    parts = zip(ids.split(8), torch.ones_like(ids).split(8), labels.split(8), strict=True)
    return [{"input_ids": one, "attention_mask": mask, "labels": label} for one, mask, label in parts]


def first_column(model: Any, inputs: Any) -> Any:
    """Answer with one score, as a part of the saved program."""
    return model(**inputs)["logits"] @ torch.tensor([-1.0, 1.0])


@pytest.mark.parametrize("predict", [None, first_column], ids=["as it is", "by predict"])
def test_a_model_of_several_inputs_is_registered_as_it_was_asked(
    predict: Any, registry_uri: str, tmp_path: Path
) -> None:
    """The saved program takes the parts of a batch in their order, of any size, and returns the answers alone."""
    name = f"texts_{predict is None}"
    made = register_if_passing(
        Attends(), {}, {"accuracy": 0.95}, name, test_loader=texts(), registry_uri=registry_uri, predict=predict
    )
    registry = MlflowRegistry(registry_uri)
    version = registry.snapshot(name).resolve("challenger")
    assert version is not None
    program = torch.export.load(Path(registry.download(version, str(tmp_path))) / "data" / "model.pt2").module()
    ids = torch.tensor([[1, 3, 5, 7, 0], [0, 2, 4, 1, 6]])
    answers = program(ids, torch.ones(2, 5, dtype=torch.int64))
    assert made.verdict.findings[0].value == 1.0
    assert (answers > 0).tolist() == [True, False] if predict else answers.argmax(1).tolist() == [1, 0]


@pytest.mark.parametrize("batches", [loader, texts])
def test_a_shuffled_loader_registers_once(batches: Any, registry_uri: str) -> None:
    """Other order, other batches, other times: the same model on the same rows with the same demands is one version."""
    data, asked = batches(200), model() if batches is loader else Attends()
    name, demands = f"once_{batches.__name__}", {"accuracy": 0.95, "latency_p50_ms": 10_000}
    answers = [
        register_if_passing(asked, {}, demands, name, test_loader=order, registry_uri=registry_uri)
        for order in (data, data[::-1])
    ]
    assert [(a.version, a.created) for a in answers] == [("1", True), ("1", False)]
    other = register_if_passing(asked, {}, demands, name, test_loader=data[1:], registry_uri=registry_uri)
    assert (other.version, other.created) == ("2", True)


def test_an_estimator_is_registered_once(registry_uri: str, tmp_path: Path) -> None:
    """It is saved as skops, judged again as it was saved, and is one version in any order of rows."""
    x = np.random.default_rng(6).normal(size=(200, 3))
    y = (x.sum(1) > 0).astype(int)
    asked, demands = LogisticRegression().fit(x, y), {"accuracy": 0.9, "latency_p50_ms": 10_000}
    answers = [
        register_if_passing(asked, {}, demands, "line", test_loader=(x[order], y[order]), registry_uri=registry_uri)
        for order in (slice(None), slice(None, None, -1))
    ]
    assert [(a.version, a.created) for a in answers] == [("1", True), ("1", False)]
    registry = MlflowRegistry(registry_uri)
    version = registry.snapshot("line").resolve("challenger")
    assert version is not None
    assert (Path(registry.download(version, str(tmp_path))) / "model.skops").is_file()


def test_what_is_not_saved_is_said(registry_uri: str) -> None:
    """An estimator that was judged by the user's own function serves without it."""
    x = np.random.default_rng(6).normal(size=(200, 3))
    y = (x.sum(1) > 0).astype(int)
    made = register_if_passing(
        LogisticRegression().fit(x, y),
        {},
        {"accuracy": 0.9},
        "cut",
        test_loader=(x, y),
        registry_uri=registry_uri,
        predict=lambda asked, inputs: asked.predict_proba(inputs)[:, 1],
        decision_threshold=0.5,
    )
    assert "The saved estimator was asked by predict, which is not saved with it." in made.verdict.notes


def test_no_row_of_the_test_set_is_in_the_registry(registry_uri: str, tmp_path: Path) -> None:
    """The example of the export has the shape of a row, and nothing else of it."""
    register_if_passing(model(), {}, {"accuracy": 0.95}, "zeros", test_loader=loader(), registry_uri=registry_uri)
    registry = MlflowRegistry(registry_uri)
    version = registry.snapshot("zeros").resolve("challenger")
    assert version is not None
    text = (Path(registry.download(version, str(tmp_path))) / "serving_input_example.json").read_text("utf-8")
    assert json.loads(text) == {"inputs": [[0.0] * 4] * 2}


def test_notes_say_how_the_data_was_read() -> None:
    """They stand in the verdict, and its digest does not change by them."""
    verdict = model_quality_gate(model(), loader(), {"accuracy": 0.95})
    assert verdict.notes == ("The class of a row is the place of the highest of 2 scores.",)
    assert replace(verdict, notes=()).digest == verdict.digest


def test_arguments_reach_the_gate() -> None:
    """Each of the four changes what is judged."""
    batches = [(labels, inputs) for inputs, labels in loader()]
    verdict = model_quality_gate(
        model(),
        batches,
        {"recall": 0.5},
        predict=lambda asked, inputs: torch.sigmoid(asked(inputs)[:, 1]),
        labels=0,
        positive=0,
        decision_threshold=0.5,
    )
    assert verdict
    assert "recall of 0" in verdict.findings[0].reason


def test_refusal_carries_the_findings(registry_uri: str) -> None:
    """What does not pass is not registered, and the error says which rule and why."""
    with pytest.raises(GateRefusal, match="accuracy: fail") as caught:
        register_if_passing(
            model(), {}, {"accuracy": 0.95}, "bad", test_loader=loader(wrong=100), registry_uri=registry_uri
        )
    assert caught.value.exit_code is Exit.FAILED
    assert caught.value.verdict.blocking == ("accuracy",)
    assert MlflowRegistry(registry_uri).snapshot("bad").versions == ()


@pytest.mark.parametrize(
    ("metrics", "outcome"),
    [
        ({"accuracy": 0.90}, Outcome.FAIL),
        ({"accuracy": {"value": 0.96, "n": 100}}, Outcome.INCONCLUSIVE),
        ({"f1_score": 0.99}, Outcome.MISSING),
        ({}, Outcome.MISSING),
    ],
)
def test_given_metrics_are_judged(metrics: dict[str, object], outcome: Outcome) -> None:
    """Bare numbers are points, sample sizes give bounds, and what is not given does not pass."""
    with pytest.raises(GateRefusal) as caught:
        register_if_passing(model(), metrics, {"accuracy": 0.95}, "signs", registry_uri="sqlite:///x.db")
    assert caught.value.verdict.outcome is outcome


def test_nan_metric_is_refused() -> None:
    """NaN is never a number to compare."""
    with pytest.raises(InputError, match="not a finite number"):
        register_if_passing(model(), {"accuracy": math.nan}, {"accuracy": 0.95}, "signs")


def test_registers_given_metrics_with_an_example(registry_uri: str) -> None:
    """Without a loader the example comes from the caller; NumPy scalars are numbers."""
    example = np.zeros((2, 4), dtype="float32")
    metrics = {"accuracy": np.float32(0.99)}
    made = register_if_passing(
        model(), metrics, {"accuracy": 0.95}, "given", input_example=example, registry_uri=registry_uri
    )
    assert (made.version, made.created) == ("1", True)


@pytest.mark.parametrize("example", [None, np.zeros((1, 4), dtype="float32"), 3], ids=["none", "one row", "number"])
def test_example_is_asked_for(example: Any) -> None:
    """Export without an example, or with one row, is refused with what to give."""
    convolution = torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1), torch.nn.Flatten())
    with pytest.raises(InputError, match="Give"):
        register_if_passing(convolution, {"accuracy": 0.99}, {"accuracy": 0.95}, "signs", input_example=example)


@pytest.mark.parametrize("tells", ["first layer", "example_input_array"])
def test_a_model_may_tell_its_inputs(tells: str, registry_uri: str) -> None:
    """With given metrics and no loader, a linear first layer or Lightning's attribute is example enough."""
    told = model()
    if tells == "example_input_array":
        told.example_input_array = torch.zeros(1, 4)
    name = tells.replace(" ", "_")
    found = register_if_passing(told, {"accuracy": 0.99}, {"accuracy": 0.95}, name, registry_uri=registry_uri)
    assert (found.version, found.created) == ("1", True)


def test_registry_must_be_named() -> None:
    """There is no default registry: MLflow's own depends on the current folder."""
    with pytest.raises(InputError, match="No registry is given"):
        register_if_passing(model(), {}, {"accuracy": 0.95}, "signs", test_loader=loader())


class Sneaky(torch.nn.Module):  # type: ignore[misc]  # half-typed
    """Answers otherwise once it is exported."""

    def __init__(self) -> None:
        """Take the honest model."""
        super().__init__()
        self.honest = model()

    def forward(self, x: Any) -> Any:
        """Invert the answers in the exported program."""
        answer = self.honest(x)
        return -answer if torch.compiler.is_exporting() else answer


def test_what_is_registered_is_what_was_judged(registry_uri: str) -> None:
    """A module whose exported program answers otherwise is refused, and nothing is registered."""
    with pytest.raises(GateRefusal) as refusal:
        register_if_passing(Sneaky(), {}, {"accuracy": 0.95}, "sneaky", test_loader=loader(), registry_uri=registry_uri)
    assert refusal.value.verdict.findings[0].value == 0.0
    assert MlflowRegistry(registry_uri).snapshot("sneaky").versions == ()


def test_a_loader_that_can_be_read_once_is_refused(registry_uri: str) -> None:
    """A generator would be empty the second time."""
    with pytest.raises(InputError, match="read only once"):
        register_if_passing(
            model(), {}, {"accuracy": 0.9}, "once", test_loader=iter(loader()), registry_uri=registry_uri
        )


def test_other_inputs_are_other_evidence() -> None:
    """The verdict is bound to what the model saw, not to its answers alone."""
    twice = [(2 * inputs, labels) for inputs, labels in loader()]
    first, second = (model_quality_gate(model(), data, {"accuracy": 0.9}) for data in (loader(), twice))
    assert first.findings == second.findings
    assert first.bindings.data != second.bindings.data


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model": len}, "torch.nn.Module"),
        ({"loader": None}, "test loader is"),
        ({"thresholds": [0.9]}, "thresholds"),
        ({"confidence": "0.95"}, "confidence"),
    ],
)
def test_what_is_no_model_or_loader(wrong: dict[str, Any], says: str) -> None:
    """A wrong argument is an InputError that names it."""
    given: dict[str, Any] = {"model": model(), "loader": loader(), "thresholds": {"accuracy": 0.9}, **wrong}
    confidence = given.get("confidence", 0.95)
    with pytest.raises(InputError, match=says):
        model_quality_gate(given["model"], given["loader"], given["thresholds"], confidence=confidence)


@pytest.mark.parametrize("metrics", [None, {"accuracy": np.array([0.9, 0.8])}, {"accuracy": "0.9"}])
def test_metrics_that_are_no_numbers(metrics: Any, registry_uri: str) -> None:
    """Neither nothing, nor an array, nor text."""
    with pytest.raises((InputError, EvidenceError)):
        register_if_passing(model(), metrics, {"accuracy": 0.9}, "odd", registry_uri=registry_uri)


def test_a_model_that_cannot_be_exported_says_so(registry_uri: str) -> None:
    """Control flow on values cannot be traced; the message says what torch said."""

    class Branching(torch.nn.Module):  # type: ignore[misc]  # half-typed
        def forward(self, x: Any) -> Any:
            return torch.stack([-x.sum(1), x.sum(1)], 1) if x.sum() > -1e9 else x

    with pytest.raises(InputError, match="cannot be exported"):
        register_if_passing(
            Branching(), {}, {"accuracy": 0.9}, "branching", test_loader=loader(), registry_uri=registry_uri
        )


def test_complex_answers_are_refused() -> None:
    """They have no order, so they are no classes."""

    class Complex(torch.nn.Module):  # type: ignore[misc]  # half-typed
        def forward(self, x: Any) -> Any:
            return (x.sum(1) > 0).to(torch.complex64)

    with pytest.raises(EvidenceError, match="output"):
        model_quality_gate(Complex(), loader(), {"accuracy": 0.5})


def test_a_short_loader_is_timed_until_p99_has_a_bound() -> None:
    """Ten batches are too few for p99; the same batches are timed again, and no row is counted twice."""
    verdict = model_quality_gate(model(), loader(rows=400, batch=40), {"accuracy": 0.95, "latency_p99_ms": 10_000})
    accuracy, latency = verdict.findings
    assert verdict
    assert (accuracy.n, latency.n) == (400, 299)
    assert latency.upper is not None


def test_timing_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow model is not timed for ever: what is there is judged, and p99 stays without a bound."""
    monkeypatch.setattr("ml_cicd.gate.engines.memory.LONGEST_TIMING_SECONDS", 0.0)
    verdict = model_quality_gate(model(), loader(rows=400, batch=40), {"latency_p99_ms": 10_000})
    assert (verdict.outcome, verdict.findings[0].n) == (Outcome.INCONCLUSIVE, 10)


@pytest.mark.parametrize("how", ["warn", WhenInconclusive.WARN])
def test_inconclusive_may_only_warn(how: str) -> None:
    """The enum and its text say the same; a rule that only warns does not stop the model."""
    thresholds = {"accuracy": 0.95, "f1_score": 0.5}
    verdict = model_quality_gate(model(), loader(wrong=20), thresholds, when_inconclusive=how)
    assert (verdict.outcome, verdict.findings[0].outcome) == (Outcome.PASS, Outcome.INCONCLUSIVE)


@pytest.mark.parametrize("how", ["pass", "", None, []])
def test_inconclusive_means_nothing_else(how: Any) -> None:
    """Any other word is an error, never a pass."""
    with pytest.raises(InputError, match="when_inconclusive"):
        model_quality_gate(model(), loader(), {"accuracy": 0.95}, when_inconclusive=how)


def test_half_done_is_told(registry_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose alias could not be set is an error that says to call again."""

    def fail(*_: object) -> None:
        raise NotFound("Gone.", cure="Mend it.")

    monkeypatch.setattr(MlflowRegistry, "set_alias", fail)
    with pytest.raises(PartlyApplied, match="alias is not set: Gone") as caught:
        register_if_passing(model(), {"accuracy": 0.99}, {"accuracy": 0.95}, "half", registry_uri=registry_uri)
    assert caught.value.exit_code is Exit.PARTLY
    assert len(MlflowRegistry(registry_uri).snapshot("half").versions) == 1


def test_the_environment_names_the_registry(registry_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a configuration MLflow's own variable is looked at; the file wins, and so does its empty variable."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry_uri)
    made = register_if_passing(model(), {"accuracy": 0.99}, {"accuracy": 0.95}, "named")
    assert (made.name, made.version) == ("named", "1")
    Path("ml-cicd.yml").write_text("version: 1\nregistry: {uri: env:ELSEWHERE}\n")
    with pytest.raises(InputError, match="'ELSEWHERE', which is empty"):
        register_if_passing(model(), {"accuracy": 0.99}, {"accuracy": 0.95}, "named")


def test_the_public_names_are_there() -> None:
    """Every name that the package promises exists, is listed, and is the same thing each time."""
    assert all(getattr(ml_cicd, name) is getattr(ml_cicd, name) for name in ml_cicd.__all__)
    assert dir(ml_cicd) == sorted(ml_cicd.__all__)
    assert issubclass(GateRefusal, NotPassing)
    with pytest.raises(AttributeError, match="has no attribute 'sell'"):
        getattr(ml_cicd, "sell")  # noqa: B009  # the type checker knows that it is not there


def test_the_package_is_light() -> None:
    """To import it loads nothing but the version; the API loads neither torch nor mlflow until it is used."""
    code = (
        "import sys, ml_cicd\n"
        "print(sorted(m for m in sys.modules if m.startswith('ml_cicd')))\n"
        "ml_cicd.register_if_passing, ml_cicd.InputError\n"
        "print([m for m in ('numpy', 'duckdb', 'mlflow', 'torch', 'pandas') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.splitlines() == ["['ml_cicd', 'ml_cicd.version']", "[]"]


def test_what_a_deploy_hook_checks_is_public(tmp_path: Path) -> None:
    """Digest and violations of a model's files, by path or text; what no format knows is a violation."""
    (tmp_path / "weights.bin").write_bytes(b"x")
    assert ml_cicd.payload_digest(tmp_path) == ml_cicd.payload_digest(str(tmp_path)) == payload_digest(tmp_path)
    assert len(ml_cicd.violations(tmp_path)) == 1
    with pytest.raises(InputError):
        ml_cicd.payload_digest(tmp_path / "absent")


def test_a_logged_model_is_registered_by_its_address(registry_uri: str, tmp_path: Path) -> None:
    """It is treated as its files, and cannot be asked; the run that logged it says what became of it."""
    from mlflow import MlflowClient

    folder = model_folder(tmp_path / "model")
    client = MlflowClient(tracking_uri=registry_uri, registry_uri=registry_uri)
    experiment = MlflowRegistry(registry_uri)._experiment()
    run = client.create_run(experiment).info.run_id
    logged = client.create_logged_model(experiment, name="net", source_run_id=run)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    address = f"models:/{logged.model_id}"
    assert ml_cicd.payload_digest(address, registry_uri=registry_uri) == payload_digest(folder)
    assert ml_cicd.violations(address, registry_uri=registry_uri) == ()
    numbers, demands = {"accuracy": {"value": 0.97, "n": 2000}}, {"accuracy": 0.95}
    first = register_if_passing(address, numbers, demands, "by-address", registry_uri=registry_uri)
    again = register_if_passing(folder, numbers, demands, "by-address", registry_uri=registry_uri)
    assert (first.digest, first.created, again.created) == (payload_digest(folder), True, False)
    said, known = client.get_run(run).data, client.get_model_version("by-address", first.version)
    assert (said.metrics["gate.accuracy"], said.tags["mlcicd.version"]) == (0.97, "models:/by-address/1")
    assert (known.source, known.run_id) == (address, run)
    assert f"- training run: `{run}`" in known.description
    with pytest.raises(InputError, match="cannot be asked"):
        register_if_passing(address, {}, demands, "by-address", test_loader=loader(), registry_uri=registry_uri)


def test_examples_import_what_is_public() -> None:
    """Users copy them: nothing in them depends on where a thing lives inside."""
    for file in sorted((ROOT / "examples").rglob("*.py")):
        imports = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
        assert {n.module for n in imports if (n.module or "").startswith("ml_cicd.")} <= {"ml_cicd.api"}, file
