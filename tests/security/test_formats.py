"""Models that would run code: none does, and all are refused. What they were made from is taken."""

import pickle
from pathlib import Path
from random import Random

import pytest

from ml_cicd.registry.formats.scan import look
from tests.security import folders_and_tensors as plain_data
from tests.security import keras_and_boosters, mlflow_models
from tests.security.mlflow_models import Build
from tests.security.payload import pickled

PLAIN: dict[str, Build] = {
    **plain_data.PLAIN,
    **keras_and_boosters.KERAS_PLAIN,
    "MLflow's torch": mlflow_models.torch_changed(),
    "MLflow's XGBoost": mlflow_models.xgboost_with(),
    "MLflow's transformers": mlflow_models.transformers_with({}),
    "MLflow's ONNX": mlflow_models.onnx_with(providers=["CPUExecutionProvider"]),
}
MALICIOUS: dict[str, Build] = {
    f"{group}: {name}": build
    for group, models in {
        "MLflow": mlflow_models.MODELS,
        "Hugging Face": plain_data.FOLDERS,
        "safetensors": plain_data.TENSORS,
        "ONNX": plain_data.GRAPHS,
        "Keras": keras_and_boosters.KERAS,
        "boosters": keras_and_boosters.BOOSTERS,
    }.items()
    for name, build in models.items()
}


def built(build: Build, tmp_path: Path) -> Path:
    """Build a model, and return its folder, or the file where it is one; a graph may have weights beside it."""
    path = tmp_path / "model"
    build(path, tmp_path / "mark")
    entries = list(path.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].suffix not in {"", ".onnx"} else path


def test_the_payload_works(tmp_path: Path) -> None:
    """Whoever loads it leaves the mark: a test that finds none has proved something."""
    pickle.loads(pickled(tmp_path / "mark"))
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", MALICIOUS)
def test_nothing_runs_and_all_is_refused(tmp_path: Path, name: str) -> None:
    """The refusal says something, has a way out, and no payload has left its mark."""
    found = look(built(MALICIOUS[name], tmp_path))
    assert found.violations
    assert all(problem and not problem.endswith(".") for problem in found.violations)
    assert found.way_out.endswith(".")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", PLAIN)
def test_what_they_were_made_from_is_taken(tmp_path: Path, name: str) -> None:
    """It is the change that is refused, not the whole."""
    assert look(built(PLAIN[name], tmp_path)).violations == ()


@pytest.mark.parametrize("address", keras_and_boosters.IMAGES)
def test_what_is_no_image_by_digest_is_refused(address: str) -> None:
    """A tag can point elsewhere tomorrow, and an address is no place for anything else."""
    assert look(Path(address)).format == ""
    assert look(Path(address)).violations


@pytest.mark.parametrize("name", PLAIN)
def test_broken_bytes_end_in_a_sentence(tmp_path: Path, name: str) -> None:
    """Whatever a byte of a model becomes, the look ends, and says what it found instead of failing."""
    random = Random(name)
    whole = built(PLAIN[name], tmp_path)
    files = [whole] if whole.is_file() else sorted(file for file in whole.rglob("*") if file.stat().st_size)
    for _ in range(60):
        file = random.choice([one for one in files if one.is_file()])
        kept = file.read_bytes()
        at = random.randrange(len(kept))
        file.write_bytes(
            random.choice([kept[:at], kept[:at] + b"\xff" * 8 + kept[at + 8 :], kept[:at] + kept[at + 1 :]])
        )
        assert all(isinstance(problem, str) for problem in look(whole).violations)
        file.write_bytes(kept)
    assert look(whole).violations == ()
