"""Fit the classifier and save it."""

from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = Path("models") / "model.joblib"


def split():
    """Hold three rows in ten out."""
    data = load_breast_cancer()
    return train_test_split(data.data, data.target, test_size=0.3, random_state=42, stratify=data.target)


def main():
    """Train."""
    features, _, labels, _ = split()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(features, labels)
    MODEL.parent.mkdir(exist_ok=True)
    joblib.dump(model, MODEL)


if __name__ == "__main__":
    main()
