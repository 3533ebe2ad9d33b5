"""Score the saved classifier on the rows that it has not seen."""

import json
from pathlib import Path

import joblib
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from train import MODEL, split

REPORTS = Path("reports")


def main():
    """Evaluate."""
    _, features, _, labels = split()
    model = joblib.load(MODEL)
    predicted = model.predict(features)
    metrics = {
        "accuracy": accuracy_score(labels, predicted),
        "f1": f1_score(labels, predicted),
        "roc_auc": roc_auc_score(labels, model.predict_proba(features)[:, 1]),
        "n_test": len(labels),
    }
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "metrics.json").write_text(json.dumps(metrics, indent=2))
    print(metrics)


if __name__ == "__main__":
    main()
