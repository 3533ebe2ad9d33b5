"""What torch.save and torch.jit.save write is taken: weights, checkpoints, whole modules of torch.nn, TorchScript."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ml_cicd.registry.formats.scan import look
from ml_cicd.registry.look import Allowed


class Net(nn.Module):  # type: ignore[misc]  # half-typed
    """A class of the user's own."""

    def __init__(self) -> None:
        """Build it."""
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return torch.relu(self.norm(self.inner(x)))


def _checkpoint() -> Any:
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return {
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict(),
        "epoch": 3,
        "loss": np.float64(0.5),
        "numbers": np.ones(3),
        "random": torch.get_rng_state(),
        "classes": ["a", "b"],
        "kind": torch.float16,
        "device": torch.device("cpu"),
    }


def _layers() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.LSTM(3, 4),
        nn.GRU(2, 3),
        nn.MultiheadAttention(4, 2),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True), 1),
        nn.Embedding(3, 4),
        nn.Dropout(),
        nn.LayerNorm(3),
        nn.ModuleList([nn.GELU()]),
        nn.ModuleDict({"a": nn.Softmax(1)}),
        nn.ParameterList([nn.Parameter(torch.ones(2))]),
        nn.CrossEntropyLoss(),
        nn.Upsample(2),
        nn.AvgPool3d(2),
    )


def _tensors() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            torch.ones(2).to_sparse(),
            torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
            torch.ones(2, dtype=torch.bfloat16),
            torch.ones(2, dtype=torch.complex64),
            nn.Parameter(torch.ones(2)),
            torch.Size([1, 2]),
            torch.ones(4, 4)[::2].T,
        ]


SAVED: dict[str, Callable[[], Any]] = {
    "weights": lambda: Net().state_dict(),
    "checkpoint": _checkpoint,
    "layers": _layers,
    "tensors": _tensors,
}
SCRIPTS: dict[str, Callable[[], Any]] = {
    "traced": lambda: torch.jit.trace(Net().eval(), torch.ones(1, 3)),
    "scripted": lambda: torch.jit.script(nn.Sequential(nn.Conv1d(2, 3, 1), nn.Flatten(), nn.GELU())),
    "frozen": lambda: torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(3, 2)).eval())),
    "recurrent": lambda: torch.jit.script(nn.LSTM(3, 4)),
    "quantised": lambda: torch.jit.script(torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(3, 4)))),
}


@pytest.mark.parametrize("made", SAVED.values(), ids=list(SAVED))
@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pkl"])
def test_what_torch_saves_is_taken(tmp_path: Path, made: Callable[[], Any], suffix: str) -> None:
    """By what is in the file; its name does not matter."""
    file = tmp_path / f"model{suffix}"
    torch.save(made(), file)
    found = look(file)
    assert (found.format, found.violations) == ("torch", ())


def test_the_old_form_is_taken(tmp_path: Path) -> None:
    """Weights in the form before the zip; modules carry their source there, and are refused."""
    file = tmp_path / "model.pt"
    torch.save(_checkpoint(), file, _use_new_zipfile_serialization=False)
    assert look(file).violations == ()
    torch.save(nn.Linear(1, 1), file, _use_new_zipfile_serialization=False)
    assert "persistent id" in look(file).violations[0]


@pytest.mark.parametrize("made", SCRIPTS.values(), ids=list(SCRIPTS))
def test_torchscript_is_taken(tmp_path: Path, made: Callable[[], Any]) -> None:
    """Its code is not Python; files that were added to it are bytes."""
    file = tmp_path / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(made(), file, _extra_files={"labels.txt": "a,b"})
    found = look(file)
    assert (found.format, found.violations) == ("torch", ())


def test_a_class_of_the_user_is_named_and_can_be_allowed(tmp_path: Path) -> None:
    """A whole module of it is refused by its dotted name, and taken once that name is allowed."""
    file = tmp_path / "model.pt"
    torch.save(Net(), file)
    name = f"{Net.__module__}.Net"
    assert look(file).violations == (f"model.pt (data.pkl) calls {name}",)
    assert look(file, Allowed(callables=frozenset({name}))).violations == ()
