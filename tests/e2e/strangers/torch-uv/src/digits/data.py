"""Scans of 8 x 8 pixels."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def load():
    """Return training and test sets as tensors."""
    digits = load_digits()
    images, held_out, labels, truth = train_test_split(
        digits.data / 16.0, digits.target, test_size=0.4, random_state=0, stratify=digits.target
    )
    as_images = [torch.tensor(part, dtype=torch.float32) for part in (images, held_out)]
    return as_images[0], torch.tensor(labels), as_images[1], torch.tensor(truth)
