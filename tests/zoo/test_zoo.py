"""Every kind of model that teams log, as its own library writes it: taken, or refused with the way out."""

from pathlib import Path

import pytest

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
PLAIN = [kind for kind in KINDS if kind not in CODE]


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
