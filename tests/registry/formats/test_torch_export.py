"""How a torch module is saved, and where the example inputs of its export come from."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ml_cicd import violations
from ml_cicd.gate.hints import NO_HINTS
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.registry.formats.torch_export import example_for, load_program, told_inputs
from ml_cicd.shell.wiring import model_in_memory, save_in_memory


def judged(model: Any, data: Any) -> Any:
    """Return a model with its test set."""
    return model_in_memory(model, data, NO_HINTS, print)


def test_what_is_saved_is_the_model_in_eval_mode(tmp_path: Path) -> None:
    """A model in training is exported without its dropout, takes any number of rows, and stays in training."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Dropout(0.9)).train()
    save_in_memory(judged(model, None), str(tmp_path / "model"), torch.zeros(2, 4).numpy())
    assert [module.training for module in model.modules()] == [True] * 3
    assert violations(tmp_path / "model") == ()
    rows = torch.randn(7, 4)
    assert torch.allclose(load_program(str(tmp_path / "model"))(rows), model[0](rows))


def zeros_like(batch: Any) -> Any:
    """Return the example that a loader of this batch gives."""
    return judged(torch.nn.Linear(4, 2), [batch]).example()


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_the_loaders_example_has_two_rows(rows: int) -> None:
    """An export of one row would take the batch size for a constant; what is saved holds none of the test set's."""
    example = zeros_like((torch.ones(rows, 4), torch.zeros(rows).long()))
    assert example.shape == (2, 4)
    assert not example.any()


def test_an_example_of_several_inputs_has_their_names() -> None:
    """Each with its type; what has no rows keeps its shape."""
    batch = {"ids": torch.ones(5, 3).long(), "mask": torch.ones(5, 3), "scale": torch.ones(7), "labels": torch.zeros(5)}
    example = zeros_like(batch)
    assert {name: (part.shape, str(part.dtype)) for name, part in example.items()} == {
        "ids": ((2, 3), "int64"),
        "mask": ((2, 3), "float32"),
        "scale": ((7,), "float32"),
    }


def test_an_input_that_is_no_tensor_is_refused() -> None:
    """torch.export takes nothing else."""
    with pytest.raises(InputError, match="Input 'text' is list of 2"):
        zeros_like({"text": ["a", "b"], "labels": torch.zeros(2)})


@pytest.mark.parametrize("batches", [[], [torch.ones(2, 4)], [()]])
def test_a_loader_without_rows_is_refused(batches: list[Any]) -> None:
    """There is nothing to take an example from."""
    with pytest.raises(EvidenceError, match="test loader"):
        judged(torch.nn.Linear(4, 2), batches).example()


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
    given = example_for(torch.nn.Linear(4, 2), torch.ones(2, 9))
    assert (type(given).__module__, given.shape) == ("numpy", (2, 9))
