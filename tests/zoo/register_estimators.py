"""Registers estimators of XGBoost and LightGBM by the Python API, twice each; prints what came of it, a line each."""

import json
import sys
import warnings
from typing import Any

import lightgbm
import numpy as np
import xgboost

from ml_cicd import register_if_passing

X = np.random.default_rng(0).normal(size=(300, 3))
Y = (X.sum(1) > 0).astype(int)
PRICES = X @ np.array([1.0, 2.0, 3.0])
ACCURATE, NEAR = {"accuracy": 0.8}, {"mean_absolute_error": 2.0}
trees = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(X, Y)
gradient = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, Y), 20)
CASES: dict[str, tuple[Any, Any, dict[str, float], dict[str, Any]]] = {
    "xgboost-classifier": (xgboost.XGBClassifier(n_estimators=20).fit(X, Y), Y, ACCURATE, {}),
    "xgboost-regressor": (xgboost.XGBRegressor(n_estimators=50).fit(X, PRICES), PRICES, NEAR, {}),
    "xgboost-booster": (
        gradient,
        Y,
        ACCURATE,
        {"predict": lambda model, inputs: model.predict(xgboost.DMatrix(inputs)), "decision_threshold": 0.5},
    ),
    "lightgbm-classifier": (trees, Y, ACCURATE, {}),
    "lightgbm-booster": (trees.booster_, Y, ACCURATE, {"decision_threshold": 0.5}),
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, (model, labels, thresholds, hints) in CASES.items():
        for rows in (slice(None), slice(None, None, -1)):
            made = register_if_passing(
                model, {}, thresholds, name, test_loader=(X[rows], labels[rows]), registry_uri=sys.argv[1], **hints
            )
            print(json.dumps([name, made.version, made.created, made.digest]))
