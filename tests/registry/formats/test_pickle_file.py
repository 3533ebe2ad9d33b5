"""Pickles of real models are taken, from each of the picklers that people use; what is not in the lists is named."""

import bz2
import pickle
import subprocess
import sys
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import (
    calibration,
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    kernel_approximation,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, TransformerMixin

from ml_cicd.registry.formats import compressed
from ml_cicd.registry.formats.scan import look
from ml_cicd.registry.look import Allowed

ROWS = np.random.default_rng(7).random((60, 4))
LABELS = (ROWS.sum(axis=1) > 2).astype(int)
FRAME = pd.DataFrame({"age": ROWS[:, 0], "city": np.array(["a", "b", "c"] * 20, dtype=object)})


class Scaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """A class of the user's own."""

    def fit(self, _rows: Any, _labels: Any = None) -> "Scaler":
        """Learn nothing."""
        return self


def _columns() -> Any:
    encode = preprocessing.OneHotEncoder(handle_unknown="ignore")
    columns = compose.ColumnTransformer([("n", preprocessing.StandardScaler(), ["age"]), ("c", encode, ["city"])])
    return pipeline.make_pipeline(columns, linear_model.LogisticRegression()).fit(FRAME, LABELS)


def _words() -> Any:
    words = pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), svm.LinearSVC())
    return words.fit(["good film", "bad film"] * 10, [1, 0] * 10)


def _searched() -> Any:
    grid = {"max_depth": [1, 2]}
    return model_selection.GridSearchCV(tree.DecisionTreeClassifier(), grid, scoring="roc_auc", cv=2).fit(ROWS, LABELS)


def _function() -> Any:
    logs = preprocessing.FunctionTransformer(np.log1p)
    return pipeline.make_pipeline(logs, linear_model.Ridge()).fit(ROWS, LABELS)


FITTED: dict[str, Any] = {
    type(model).__name__: model
    for model in (
        linear_model.LogisticRegression(),
        linear_model.SGDClassifier(loss="log_loss"),
        linear_model.Lasso(),
        linear_model.RidgeCV(),
        linear_model.PoissonRegressor(),
        linear_model.HuberRegressor(),
        svm.SVC(),
        svm.LinearSVR(),
        tree.DecisionTreeRegressor(),
        ensemble.RandomForestClassifier(5),
        ensemble.ExtraTreesRegressor(5),
        ensemble.GradientBoostingClassifier(n_estimators=5),
        ensemble.HistGradientBoostingClassifier(max_iter=5),
        ensemble.AdaBoostClassifier(n_estimators=3),
        ensemble.BaggingRegressor(n_estimators=3),
        ensemble.IsolationForest(n_estimators=3),
        ensemble.StackingClassifier([("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier())]),
        ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier())]),
        neighbors.KNeighborsClassifier(algorithm="kd_tree"),
        neighbors.KernelDensity(),
        naive_bayes.GaussianNB(),
        naive_bayes.MultinomialNB(),
        neural_network.MLPClassifier((4,), max_iter=5),
        gaussian_process.GaussianProcessRegressor(
            gaussian_process.kernels.RBF() + gaussian_process.kernels.WhiteKernel()
        ),
        discriminant_analysis.QuadraticDiscriminantAnalysis(),
        calibration.CalibratedClassifierCV(linear_model.LogisticRegression(), cv=2),
        multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
        decomposition.PCA(2),
        decomposition.NMF(2),
        cluster.KMeans(2, n_init=1),
        cluster.Birch(n_clusters=2),
        cluster.BisectingKMeans(2),
        mixture.GaussianMixture(2),
        kernel_approximation.RBFSampler(),
        preprocessing.SplineTransformer(),
        preprocessing.PowerTransformer(),
        preprocessing.KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
        preprocessing.QuantileTransformer(n_quantiles=10),
        feature_selection.SelectKBest(feature_selection.f_classif, k=2),
        impute.KNNImputer(),
        impute.SimpleImputer(),
    )
}
MADE: dict[str, Callable[[], Any]] = {
    "pipeline of columns": _columns,
    "pipeline of words": _words,
    "grid search": _searched,
    "NumPy's function in a transformer": _function,
    "isotonic": lambda: isotonic.IsotonicRegression().fit(ROWS[:, 0], LABELS),
    "several outputs": lambda: multioutput.MultiOutputRegressor(linear_model.Ridge()).fit(ROWS, ROWS[:, :2]),
    "sparse": lambda: {"a": sparse.csr_matrix(ROWS), "b": sparse.coo_array(ROWS), "c": sparse.dok_matrix((2, 2))},
    "pandas": lambda: [FRAME, FRAME["age"], FRAME.index, pd.Categorical(["a"]), pd.to_datetime(["2020-01-01"])],
    "random numbers": lambda: [np.random.default_rng(1), np.random.RandomState(1)],
    "arrays": lambda: [
        np.ones(3, dtype=[("a", "f4"), ("b", "i2")]),
        np.array(["a", "bc"]),
        np.array([{"a": 1}], dtype=object),
        np.ma.masked_array([1, 2], [True, False]),
        np.array("2020-01-01", dtype="M8[D]"),
        np.float32(1),
        np.asfortranarray(ROWS),
        np.ones((0, 3)),
    ],
    "containers": lambda: {
        "a": [1, 2**70, 1.5, True, None, "é" * 300, b"x" * 300, bytearray(b"y"), {1}, frozenset({2}), 1j, slice(1)],
        "b": OrderedDict(a=1),
        "c": defaultdict(list, a=[1]),
        **{f"key {n}": n for n in range(2_000)},
    },
}


def _dumped(protocol: int) -> Callable[[Any, Path], Path]:
    def write(model: Any, folder: Path) -> Path:
        (folder / "model.pkl").write_bytes(pickle.dumps(model, protocol))
        return folder / "model.pkl"

    return write


def _cloud(model: Any, folder: Path) -> Path:
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))
    return folder / "model.pkl"


def _joblib(**how: Any) -> Callable[[Any, Path], Path]:
    def write(model: Any, folder: Path) -> Path:
        joblib.dump(model, folder / "model.joblib", **how)
        return folder / "model.joblib"

    return write


PICKLERS: dict[str, Callable[[Any, Path], Path]] = {
    **{f"pickle, protocol {protocol}": _dumped(protocol) for protocol in range(6)},
    "cloudpickle": _cloud,
    "joblib": _joblib(),
    "joblib, protocol 2": _joblib(protocol=2),
    **{f"joblib, {method}": _joblib(compress=(method, 3)) for method in ("zlib", "gzip", "bz2", "lzma", "xz")},
}


def _models() -> Iterator[tuple[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from ((name, model.fit(ROWS, LABELS)) for name, model in FITTED.items())
        yield from ((name, make()) for name, make in MADE.items())


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """Return models that are fitted, by name."""
    return dict(_models())


@pytest.mark.parametrize("pickler", PICKLERS.values(), ids=list(PICKLERS))
def test_no_real_model_is_refused(models: dict[str, Any], tmp_path: Path, pickler: Callable[[Any, Path], Path]) -> None:
    """Fifty models and what they are made of, by every pickler: no false refusal."""
    assert len(models) >= 50
    found = {name: look(pickler(model, tmp_path)).violations for name, model in models.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_a_class_of_the_user_is_named_and_can_be_allowed(tmp_path: Path) -> None:
    """It is refused by its dotted name, and taken once that very name is allowed; the look says what it needed."""
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(pipeline.make_pipeline(Scaler(), linear_model.Ridge())))
    name = f"{Scaler.__module__}.Scaler"
    assert look(file).violations == (f"model.pkl calls {name}",)
    assert look(file, Allowed(callables=frozenset({f"{name}s"}))).violations == (f"model.pkl calls {name}",)
    allowed = Allowed(callables=frozenset({name}))
    assert look(file, allowed).violations == ()
    assert look(file, allowed).allowed == allowed


def test_several_pickles_in_a_file_are_all_read(tmp_path: Path) -> None:
    """Two plain ones are plain."""
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps([1]) + pickle.dumps({"a": ROWS}, 5))
    assert look(file).violations == ()


def test_an_array_of_objects_first_needs_the_name_of_joblib(tmp_path: Path) -> None:
    """pickle.load could read on into the pickle within; a name that says joblib is the cure that the refusal tells."""
    file = tmp_path / "model.pkl"
    joblib.dump(np.array([{"a": 1}], dtype=object), file)
    assert "name the file *.joblib" in look(file).violations[0]
    file.rename(tmp_path / "model.joblib")
    assert look(tmp_path / "model.joblib").violations == ()


def test_it_needs_none_of_the_libraries(tmp_path: Path, models: dict[str, Any]) -> None:
    """A look imports nothing of what the pickle names, and not NumPy either."""
    file = _joblib(compress=3)(models["pipeline of columns"], tmp_path)
    code = (
        "import sys; from pathlib import Path; from ml_cicd.registry.formats.scan import look\n"
        "assert look(Path(sys.argv[1])).violations == ()\n"
        "assert not {'numpy', 'sklearn', 'joblib', 'torch', 'mlflow', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=60)


def test_a_memory_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than such a file holds is not unpacked to its end."""
    monkeypatch.setattr(compressed, "MOST_BYTES", 2**20)
    file = tmp_path / "model.joblib"
    file.write_bytes(bz2.compress(pickle.dumps(bytes(2**21))))
    assert "unpacks to more" in look(file).violations[0]


def test_mlflow_reads_by_pickle_whatever_the_file_is_called(tmp_path: Path, models: dict[str, Any]) -> None:
    """A name that says joblib counts nothing where pickle.load reads the file, and MLflow's loader does."""
    flavour = "flavors: {sklearn: {pickled_model: model.joblib, serialization_format: cloudpickle}}"
    (tmp_path / "MLmodel").write_text(flavour, encoding="utf-8")
    (tmp_path / "model.joblib").write_bytes(cloudpickle.dumps(models["PCA"]))
    assert look(tmp_path).violations == ()
    joblib.dump(np.array([{"a": 1}], dtype=object), tmp_path / "model.joblib")
    assert look(tmp_path / "model.joblib").violations == ()
    assert "name the file *.joblib" in look(tmp_path).violations[0]
