"""Estimators are saved without code, and the same one is the same bytes each time."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.formats.estimator_folder import flavor_of, load_estimator, save_estimator
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.formats.scan import look

X = np.random.default_rng(4).normal(size=(80, 3))
Y = (X.sum(1) > 0).astype(int)
ESTIMATORS = {
    "line": LinearRegression,
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": lambda: RandomForestClassifier(n_estimators=3, random_state=0),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=3, random_state=0),
}


class Mine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """An estimator whose class is a user's own code."""

    def fit(self, _x: Any, y: Any) -> "Mine":
        """Remember the first class."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Any) -> Any:
        """Say it."""
        return np.full(len(x), self.classes_[0])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_saved_as_skops(name: str, tmp_path: Path) -> None:
    """The look through its files finds nothing, it predicts as before, and two fits alike are one digest."""
    digests = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        model = ESTIMATORS[name]().fit(X, Y)
        save_estimator(model, str(folder), X)
        digests.append(payload_digest(folder))
        assert look(folder).violations == ()
        assert np.array_equal(load_estimator(str(folder), "sklearn").predict(X), model.predict(X))
    assert digests[0] == digests[1]
    other = ESTIMATORS[name]().fit(X + np.arange(80)[:, None], Y)
    save_estimator(other, str(tmp_path / "c"), None)
    assert payload_digest(tmp_path / "c") != digests[0]


def test_names_in_skops_are_numbers_of_their_order(tmp_path: Path) -> None:
    """Neither address nor time is left, and what the schema names is there."""
    save_estimator(ESTIMATORS["forest"]().fit(X, Y), str(tmp_path / "m"), X)
    with zipfile.ZipFile(tmp_path / "m" / "model.skops") as archive:
        entries = archive.infolist()
        schema = json.loads(archive.read("schema.json"))
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    named = {entry.filename for entry in entries} - {"schema.json"}
    assert named == {f"{number}.npy" for number in range(1, len(named) + 1)}
    assert schema["__id__"] == 1


def test_a_class_of_ones_own_is_refused(tmp_path: Path) -> None:
    """What loads it would import the user's module: it is saved, and the look refuses it by its name."""
    save_estimator(Mine().fit(X, Y), str(tmp_path / "m"), X)
    assert any("Mine" in found for found in look(tmp_path / "m").violations)


@pytest.mark.parametrize("model", [None, len, object()])
def test_what_is_no_estimator_is_refused(model: Any, tmp_path: Path) -> None:
    """Only libraries whose format is known are saved."""
    assert flavor_of(model) == ""
    with pytest.raises(InputError, match="The model is"):
        save_estimator(model, str(tmp_path / "m"), None)


def test_what_the_library_cannot_save_says_so(tmp_path: Path) -> None:
    """The library's own words, on one line."""
    model = LogisticRegression().fit(X, Y)
    model.hook = iter([1])  # nobody writes down a place in a list
    with pytest.raises(InputError, match="The model cannot be saved"):
        save_estimator(model, str(tmp_path / "m"), X)
