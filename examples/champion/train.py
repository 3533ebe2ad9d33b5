"""Train the candidate: a linear classifier of scikit-learn's digits, saved as MLflow saves it, in build/model."""

import os
import shutil

import mlflow.pytorch
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

HELD_OUT = 600
STEPS = int(os.environ.get("STEPS", "200"))

if __name__ == "__main__":
    torch.manual_seed(1)
    digits = load_digits()
    images = torch.from_numpy(digits.data[HELD_OUT:].astype(np.float32) / 16)
    labels = torch.from_numpy(digits.target[HELD_OUT:])
    model = nn.Sequential(nn.Linear(64, 10))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    shutil.rmtree("build", ignore_errors=True)
    mlflow.pytorch.save_model(
        model.eval(), "build/model", input_example=images[:2].numpy(), pip_requirements=["torch==2.13.0", "numpy"]
    )
