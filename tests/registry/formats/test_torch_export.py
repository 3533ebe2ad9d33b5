"""How a torch module is saved, and where the example inputs of its export come from."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ml_cicd import violations
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.registry.formats.torch_export import example_for, example_inputs, load_program, told_inputs
from ml_cicd.shell.wiring import TorchModels


def test_what_is_saved_is_the_model_in_eval_mode(tmp_path: Path) -> None:
    """A model in training is exported without its dropout, takes any number of rows, and stays in training."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Dropout(0.9)).train()
    TorchModels().save(model, str(tmp_path / "model"), None, torch.zeros(2, 4).numpy())
    assert [module.training for module in model.modules()] == [True] * 3
    assert violations(tmp_path / "model") == ()
    rows = torch.randn(7, 4)
    assert torch.allclose(load_program(str(tmp_path / "model"))(rows), model[0](rows))


@pytest.mark.parametrize(("rows", "expected"), [(1, 2), (2, 2), (5, 2)])
def test_the_loaders_example_has_two_rows(rows: int, expected: int) -> None:
    """One row is doubled, more are cut: an export of one row would take the batch size for a constant."""
    batches = [(torch.ones(rows, 4), torch.zeros(rows).long())]
    assert example_inputs(batches).shape == (expected, 4)
    assert example_for(torch.nn.Linear(9, 2), batches, None).shape == (expected, 4)


@pytest.mark.parametrize("batches", [[], [torch.ones(2, 4)], [(torch.ones(0, 4), torch.zeros(0).long())], [()]])
def test_a_loader_without_rows_is_refused(batches: list[Any]) -> None:
    """There is nothing to take an example from."""
    with pytest.raises(EvidenceError, match="yields no row"):
        example_inputs(batches)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (torch.nn.Linear(4, 2), (2, 4)),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2)), (2, 3)),
        (torch.nn.Linear(4, 2).double(), (2, 4)),
        (torch.nn.Conv1d(1, 1, 1), None),
        (torch.nn.Flatten(), None),
    ],
    ids=["linear", "batch norm", "double", "convolution", "no parameters"],
)
def test_a_first_layer_tells_its_width(model: Any, shape: tuple[int, ...] | None) -> None:
    """Only a layer that fixes the whole shape of a row is believed."""
    told = told_inputs(model)
    assert (None if told is None else tuple(told.shape)) == shape
    assert told is None or told.dtype == next(model.parameters()).dtype


def test_an_example_that_is_given_wins() -> None:
    """Neither loader nor model is asked then; a tensor becomes an array."""
    given = example_for(torch.nn.Linear(4, 2), [(torch.ones(3, 4), torch.zeros(3).long())], torch.ones(2, 9))
    assert (type(given).__module__, given.shape) == ("numpy", (2, 9))
