"""What skops writes of real models is taken; so are NumPy's own files."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn import ensemble, linear_model, neighbors, pipeline, preprocessing, svm, tree

from ml_cicd.registry.formats.scan import look
from ml_cicd.registry.look import Allowed
from tests.registry.formats.test_pickle_file import Scaler
from tests.security.archives import zipped

ROWS = np.random.default_rng(7).random((60, 4))
LABELS = (ROWS.sum(axis=1) > 2).astype(int)
MODELS = [
    linear_model.LogisticRegression(),
    linear_model.SGDClassifier(),
    pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC()),
    pipeline.make_pipeline(preprocessing.FunctionTransformer(np.log1p), linear_model.Ridge()),
    tree.DecisionTreeClassifier(),
    ensemble.RandomForestClassifier(5),
    ensemble.GradientBoostingClassifier(n_estimators=5),
    ensemble.HistGradientBoostingClassifier(max_iter=5),
    neighbors.KNeighborsClassifier(algorithm="kd_tree"),
    preprocessing.OneHotEncoder(),
]


@pytest.mark.parametrize("model", MODELS, ids=[str(model).partition("(")[0] + str(i) for i, model in enumerate(MODELS)])
def test_real_models_are_taken(tmp_path: Path, model: Any) -> None:
    """Estimators, pipelines and trees, that skops itself asks about or not."""
    skops.io.dump(model.fit(ROWS, LABELS), tmp_path / "model.skops")
    found = look(tmp_path / "model.skops")
    assert (found.format, found.violations) == ("skops", ())


def test_a_compressed_one_with_random_numbers_and_a_named_key_is_taken(tmp_path: Path) -> None:
    """Generators of NumPy's, and a dictionary whose keys are those of the schema itself."""
    model = {"generator": np.random.default_rng(1), "state": np.random.RandomState(1), "__class__": {"__module__": 1}}
    skops.io.dump(model, tmp_path / "model.skops", compression=zipfile.ZIP_DEFLATED)
    assert look(tmp_path / "model.skops").violations == ()


def test_a_class_of_the_user_is_named_and_can_be_allowed(tmp_path: Path) -> None:
    """It is refused by its dotted name, and taken once that name is allowed."""
    skops.io.dump(pipeline.make_pipeline(Scaler(), linear_model.Ridge()), tmp_path / "model.skops")
    name = f"{Scaler.__module__}.Scaler"
    assert look(tmp_path / "model.skops").violations == (f"model.skops makes {name} by ObjectNode",)
    assert look(tmp_path / "model.skops", Allowed(callables=frozenset({name}))).violations == ()


@pytest.mark.parametrize(
    "array",
    [
        np.ones((3, 2)),
        np.ones((3, 2), order="F"),
        np.array(["a", "bc"]),
        np.zeros(0),
        np.array(1, dtype=">i4"),
        np.zeros(3, dtype=[("x", "f4"), ("y", "i2", (2,))]),
        np.array("2020-01-01", dtype="M8[D]"),
    ],
    ids=str,
)
def test_arrays_of_numbers_are_taken(tmp_path: Path, array: Any) -> None:
    """Alone and several in a zip, compressed or not."""
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array, b=array)
    np.savez_compressed(tmp_path / "b.npz", array)
    assert [look(tmp_path / name).violations for name in ("a.npy", "a.npz", "b.npz")] == [(), (), ()]


def test_an_archive_that_would_unpack_without_end_is_not_unpacked(tmp_path: Path) -> None:
    """Entries that say 4 GiB each, more together than any model that is compressed."""
    raw = bytearray(
        zipped({"schema.json": b"{}", **{f"{n}.npy": bytes(99) for n in range(5)}}, method=zipfile.ZIP_DEFLATED)
    )
    at = raw.find(b"PK\x01\x02")
    while at >= 0:
        raw[at + 24 : at + 28] = b"\xfe\xff\xff\xff"
        at = raw.find(b"PK\x01\x02", at + 4)
    (tmp_path / "model.skops").write_bytes(raw)
    assert "unpacks to more" in look(tmp_path / "model.skops").violations[0]
