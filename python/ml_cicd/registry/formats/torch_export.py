"""Saves a torch module as MLflow 3 does by default (pt2), and finds the example inputs that an export needs.

Importing this needs torch; MLflow is imported when a model is saved.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.parse import describe
from ml_cicd.registry.mlflow.client import settle

PROGRAM = "data/model.pt2"
LONGEST_SAYING = 300
WIDTHS = {torch.nn.Linear: "in_features", torch.nn.BatchNorm1d: "num_features"}


def save_model(model: Any, path: str, example: Any) -> None:  # noqa: ANN401  # torch is half-typed
    """Save a module as a new folder `path`, exported from `example`, an array of two or more rows.

    It is exported in the mode that it is in: the caller switches it to eval mode, or its dropout would be saved too.

    Raises:
        InputError: torch.export cannot trace it.
    """
    settle()
    from mlflow import pytorch  # noqa: PLC0415  # slow to import, and a gate does not need it

    # Named requirements: MLflow would infer them by running the model for ten seconds, with a network.
    requirements = [f"torch=={torch.__version__.split('+')[0]}", "numpy"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pytorch.save_model(model, path, input_example=example, pip_requirements=requirements)
        except Exception as problem:
            raise InputError(
                f"The model cannot be exported: {first_words(problem)}",
                cure="See torch.export's documentation for what it can trace.",
            ) from problem


def load_program(path: str) -> Any:  # noqa: ANN401
    """Load the exported program of a folder that `save_model` has just written; others are not to be trusted."""
    return torch.export.load(Path(path) / PROGRAM).module()


def example_for(model: Any, loader: Iterable[Any] | None, given: Any) -> Any:  # noqa: ANN401
    """Return an array of two or more rows: the one given, the loader's, or what the model itself tells.

    Raises:
        InputError: there is none, or it is no array of two or more rows. EvidenceError: the loader yields no row.
    """
    if given is None:
        given = told_inputs(model) if loader is None else example_inputs(loader)
    if given is None:
        raise InputError(
            "There is no test_loader, and the model does not tell the shape of its inputs, which the export needs.",
            cure="Give input_example, an array of two or more rows.",
        )
    example = given.detach().cpu().numpy() if hasattr(given, "detach") else given
    if not hasattr(example, "shape") or not example.shape:
        raise InputError(f"input_example is {describe(example)}.", cure="Give an array of two or more rows.")
    if len(example) < 2:
        raise InputError(
            "input_example has one row, so the export would fix the batch size at 1.", cure="Give two rows."
        )
    return example


def example_inputs(loader: Iterable[Any]) -> Any:  # noqa: ANN401
    """Return two rows of the first batch of (inputs, labels).

    Raises:
        EvidenceError: there is no batch of tensors.
    """
    batch = next(iter(loader), None)
    inputs = batch[0] if isinstance(batch, tuple | list) and batch else None
    if not isinstance(inputs, torch.Tensor) or not len(inputs):
        raise EvidenceError("The test loader yields no row.", cure="Check its data set and its batch size.")
    return _two_rows(inputs)[:2]


def told_inputs(model: Any) -> Any:  # noqa: ANN401
    """Return example inputs that the model itself tells, None where it does not.

    Its `example_input_array`, as Lightning has it, or two rows of zeros for a first layer that fixes their width. A
    convolution fixes no size, and a wrong one would be exported for good.
    """
    told = getattr(model, "example_input_array", None)
    if isinstance(told, torch.Tensor):
        return _two_rows(told)
    first = next((m for m in model.modules() if next(m.parameters(recurse=False), None) is not None), None)
    width = WIDTHS.get(type(first))
    return None if width is None else torch.zeros(2, getattr(first, width), dtype=next(model.parameters()).dtype)


def first_words(problem: Exception) -> str:
    """Return the beginning of what torch says, on one line: it says pages."""
    return " ".join(str(problem).split())[:LONGEST_SAYING]


def _two_rows(inputs: Any) -> Any:  # noqa: ANN401
    """Double a single row: torch.export takes a size of 1 for a constant, and would fix the batch size."""
    return torch.cat([inputs, inputs]) if len(inputs) == 1 else inputs
