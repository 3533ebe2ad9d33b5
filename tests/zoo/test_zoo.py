"""Every kind of model that teams log, as its own library writes it: taken, or refused with the way out."""

from pathlib import Path

import pytest

from ml_cicd.registry.doors import FORMATS
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.formats.scan import look
from ml_cicd.registry.look import NOTHING_ALLOWED, Allowed
from tests.zoo.write import KINDS

pytestmark = pytest.mark.slow

CODE = {
    "mlflow-pytorch-code-paths": "code/scaling.py",
    "mlflow-pyfunc": "python_model.pkl",
    "mlflow-from-code": "doubles.py",
}
FORMAT_OF = {  # what judges the pickles in them
    **dict.fromkeys(("mlflow-sklearn", "mlflow-sklearn-example", "mlflow-sklearn-pipeline"), "skops"),
    **dict.fromkeys(("mlflow-sklearn-forest", "mlflow-lightgbm-sklearn", "pipeline.skops"), "skops"),
    **dict.fromkeys(("mlflow-sklearn-cloudpickle", "mlflow-sklearn-pickle", "logistic.pkl"), "pickle"),
    **dict.fromkeys(("pipeline.joblib", "forest.joblib", "forest-cloudpickle.pkl"), "pickle"),
    **dict.fromkeys(("mlflow-pytorch-pickle", "state.pt", "checkpoint.pth", "module.pt", "scripted.pt"), "torch"),
    "hugging-face-bin": "torch",
}
PLAIN = [kind for kind in KINDS if kind not in CODE and FORMAT_OF.get(kind, "mlflow") in FORMATS]


@pytest.mark.parametrize("kind", PLAIN)
def test_what_a_library_writes_by_default_is_taken(zoo: Path, kind: str) -> None:
    """No violation, without any allowance; the digest can be taken too."""
    found = look(zoo / kind)
    assert found.violations == ()
    assert found.allowed == NOTHING_ALLOWED
    assert payload_digest(zoo / kind).startswith("sha256:")


@pytest.mark.parametrize("kind", CODE)
def test_what_carries_code_is_taken_with_allow_code_alone(zoo: Path, kind: str) -> None:
    """Without it the refusal names the key; with it each file of code is listed with its hash."""
    refused, taken = look(zoo / kind), look(zoo / kind, Allowed(code=True))
    assert any("code that travels with the model" in problem for problem in refused.violations)
    assert "allow-code" in refused.way_out
    assert taken.violations == ()
    assert taken.allowed == Allowed(code=True)
    assert [name.partition(" sha256:")[0] for name in taken.code] == [CODE[kind]]


def test_a_graph_without_its_weights_is_refused(zoo: Path) -> None:
    """A file whose weights lie beside it is not what the digest would cover: the folder is."""
    found = look(zoo / "onnx-outside" / "model.onnx")
    assert found.violations == ("model.onnx is not whole without model.onnx.data",)
    assert found.way_out == "Give the folder that holds all of them."
