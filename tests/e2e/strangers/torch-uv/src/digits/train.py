"""Train the network."""

import argparse
from pathlib import Path

import torch
from torch import nn

from digits.data import load


def main():
    """Train and save."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("checkpoints/digits.pt"))
    arguments = parser.parse_args()
    torch.manual_seed(0)
    images, labels, _, _ = load()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(arguments.epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), arguments.out)


if __name__ == "__main__":
    main()
