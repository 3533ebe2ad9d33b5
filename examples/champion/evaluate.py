"""Score the candidate, and the champion where there is one, on the same held-out rows: a table each.

The champion's files are where CHAMPION_MODEL says, which is empty as long as nothing was promoted. They were fetched by
`ml-cicd fetch`, which has compared them with the digest of their registration: they are what passed the gate then. Both
tables have the same keys, so that the gate compares row with row.
"""

import csv
import os
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

HELD_OUT = 600


def score(model: Path, table: Path) -> None:
    """Ask a saved model about every row that none was trained on."""
    digits = load_digits()
    program = torch.export.load(model / "data" / "model.pt2").module()
    with torch.no_grad():
        found = program(torch.from_numpy(digits.data[:HELD_OUT].astype(np.float32) / 16)).argmax(dim=1)
    with table.open("w", encoding="ascii", newline="") as stream:
        rows = zip(range(HELD_OUT), digits.target[:HELD_OUT], found.tolist(), strict=True)
        csv.writer(stream).writerows([("key", "label", "prediction"), *rows])


if __name__ == "__main__":
    score(Path("build/model"), Path("build/candidate.csv"))
    champion = os.environ.get("CHAMPION_MODEL", "")
    if champion:
        score(Path(champion), Path("build/champion.csv"))
