"""The wiring: a part that is not installed is named with the extra that brings it."""

import sys
from pathlib import Path

import pytest
import torch

from ml_cicd.gate.evidence import EvidenceRequest
from ml_cicd.gate.hints import NO_HINTS
from ml_cicd.gate.settings import Columns
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.finding import Subject
from ml_cicd.shell.wiring import RealWorld, model_in_memory, save_in_memory

ACCURACY = frozenset({Subject(metric="accuracy")})


def without(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports of this package fail as if it were not installed."""
    names = [name for name in sys.modules if name.startswith("ml_cicd.") and name.endswith((".duckdb", ".in_memory"))]
    for name in [*names, "ml_cicd.registry.formats.torch_export"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)


def test_tables_without_their_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, not a bug, and the cure is the line to type."""
    without("duckdb", monkeypatch)
    table = tmp_path / "p.csv"
    table.write_text("label,prediction\n1,1\n", encoding="utf-8")
    request = EvidenceRequest(predictions=str(table), columns=Columns(), wanted=ACCURACY, confidence=0.95)
    with pytest.raises(InputError, match="duckdb") as problem:
        RealWorld({}, lambda _line: None).measure(request)
    assert "`pip install duckdb`" in problem.value.cure


def test_models_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model in memory is counted with NumPy, whatever it is made of."""
    without("ml_cicd.gate.engines.rows", monkeypatch)
    without("numpy", monkeypatch)
    with pytest.raises(InputError, match="NumPy is not installed") as problem:
        model_in_memory(None, [], NO_HINTS, print)
    assert "`pip install numpy`" in problem.value.cure


def test_models_without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is judged without it, and saved by it."""
    judged = model_in_memory(torch.nn.Linear(2, 2), [(torch.zeros(2, 2), torch.tensor([0, 1]))], NO_HINTS, print)
    assert judged.measure(ACCURACY, 0.95).samples
    without("mlflow", monkeypatch)
    with pytest.raises(InputError, match="MLflow is not installed") as problem:
        save_in_memory(judged, "m", None)
    assert "`pip install 'ml-cicd[torch]'`" in problem.value.cure


def test_a_name_that_is_too_long_is_no_file() -> None:
    """Not every path can be asked about; that is no bug."""
    request = EvidenceRequest(predictions=f"{'x' * 300}.csv", columns=Columns(), wanted=ACCURACY, confidence=0.95)
    with pytest.raises(EvidenceError, match="is not a file"):
        RealWorld({}, lambda _line: None).measure(request)
