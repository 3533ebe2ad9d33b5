"""Train a small network on tumours and save it as MLflow does."""

import os
import shutil

import mlflow.pytorch
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn

OUT = "build/model"


def data():
    """Return training and test rows."""
    rows = load_breast_cancer()
    split = train_test_split(rows.data, rows.target, test_size=0.4, random_state=0, stratify=rows.target)
    features = [torch.tensor(part, dtype=torch.float32) for part in split[:2]]
    return features[0], features[1], torch.tensor(split[2]), torch.tensor(split[3])


def main():
    """Train and save."""
    torch.manual_seed(int(os.environ.get("SEED", "0")))
    rows, held_out, labels, _ = data()
    norm = nn.BatchNorm1d(rows.shape[1], affine=False)
    model = nn.Sequential(norm, nn.Linear(rows.shape[1], 16), nn.ReLU(), nn.Linear(16, 2))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(rows), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    shutil.rmtree(OUT, ignore_errors=True)
    mlflow.pytorch.save_model(model.eval(), OUT, input_example=held_out[:2].numpy())


if __name__ == "__main__":
    main()
