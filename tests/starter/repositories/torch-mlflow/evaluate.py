"""Write what the saved network says of the rows that it has not seen."""

import csv

import torch

from train import OUT, data


def main():
    """Predict."""
    _, rows, _, labels = data()
    program = torch.export.load(f"{OUT}/data/model.pt2").module()
    with torch.no_grad():
        predicted = program(rows).argmax(dim=1)
    with open("build/predictions.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["key", "label", "prediction"])
        table.writerows(enumerate_rows(labels, predicted))


def enumerate_rows(labels, predicted):
    """Yield number, truth and prediction of each row."""
    for key, (label, prediction) in enumerate(zip(labels.tolist(), predicted.tolist(), strict=True)):
        yield key, label, prediction


if __name__ == "__main__":
    main()
