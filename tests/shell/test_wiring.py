"""The wiring: a part that is not installed is named with the extra that brings it."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ml_cicd.config import Config
from ml_cicd.gate.evidence import EvidenceRequest
from ml_cicd.gate.hints import NO_HINTS
from ml_cicd.gate.settings import Columns, EvidenceSettings
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.finding import Subject
from ml_cicd.registry.settings import RegistrySettings
from ml_cicd.shell.wiring import RealWorld, model_in_memory, save_in_memory
from tests.fakes.world import CONFIG

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


CONFIGURED = replace(CONFIG, evidence=EvidenceSettings(predictions="p.csv"), targets={})
SERVED = replace(CONFIGURED, registry=RegistrySettings(uri="https://mlflow.example"))


@pytest.mark.parametrize(
    ("package", "config", "cure"),
    [
        ("duckdb", CONFIGURED, "Install it: `pip install duckdb`."),
        ("mlflow", SERVED, "Install it: `pip install 'ml-cicd[registry]'`."),
    ],
)
def test_what_the_configuration_will_want(
    package: str, config: Config, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is not there is a remark with the line to type; an action brings its own."""
    assert RealWorld({}, print).lacking(config) == ()
    monkeypatch.setitem(sys.modules, package, None)
    (found,) = RealWorld({}, print).lacking(config)
    assert (found.rule, found.cure, found.blocks, found.warns) == (f"package {package}", cure, False, True)
    assert RealWorld({"ML_CICD_PYTHON": "/usr/bin/python3"}, print).lacking(config) == ()
    assert RealWorld({}, print).lacking(replace(config, evidence=EvidenceSettings(), registry=None)) == ()


@pytest.mark.parametrize("package", ["sqlalchemy", "alembic", "mlflow"])
def test_a_registry_file_without_what_reads_it(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line to type, and not MLflow's list of addresses that it knows."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match="registry client is not installed") as problem:
        RealWorld({}, print).records(f"sqlite:///{tmp_path}/r.db").registry.snapshot("digits")
    assert "`pip install 'ml-cicd[registry]'`" in problem.value.cure


def test_a_name_that_is_too_long_is_no_file() -> None:
    """Not every path can be asked about; that is no bug."""
    request = EvidenceRequest(predictions=f"{'x' * 300}.csv", columns=Columns(), wanted=ACCURACY, confidence=0.95)
    with pytest.raises(EvidenceError, match="is not a file"):
        RealWorld({}, lambda _line: None).measure(request)
