"""Write what the network reads on the held-out scans."""

import csv
from pathlib import Path

import torch
from torch import nn

from digits.data import load

OUT = Path("results")


def main():
    """Predict."""
    _, _, images, labels = load()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    model.load_state_dict(torch.load("checkpoints/digits.pt", weights_only=True))
    with torch.no_grad():
        predicted = model(images).argmax(dim=1)
    OUT.mkdir(exist_ok=True)
    with (OUT / "predictions.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, ["image", "y_true", "y_pred"])
        rows.writeheader()
        for image, (label, prediction) in enumerate(zip(labels.tolist(), predicted.tolist(), strict=True)):
            rows.writerow({"image": image, "y_true": label, "y_pred": prediction})


if __name__ == "__main__":
    main()
