"""A `torch.nn.Module` that is asked: its signature says how inputs go in, and its device where they go first."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Any

import numpy as np
import torch

from ml_cicd.gate.engines.answers import chosen
from ml_cicd.gate.engines.memory import Inputs
from ml_cicd.gate.engines.rows import is_several, leaves, rows_in, shown
from ml_cicd.ground.errors import InputError

Predict = Callable[[Any, Any], Any]
POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What `forward` takes: names in order, how many of them it needs, and whether it takes any number or any name."""

    names: tuple[str, ...]
    needed: int
    any_number: bool
    any_name: bool

    @property
    def most(self) -> float:
        """The largest number of inputs without a name."""
        return math.inf if self.any_number else len(self.names)


def signature_of(model: Any) -> Signature:  # noqa: ANN401
    """Read the signature of a module's `forward`."""
    parameters = inspect.signature(model.forward).parameters.values()
    taken = [p for p in parameters if p.kind in {POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}]
    kinds = {p.kind for p in parameters}
    return Signature(
        names=tuple(p.name for p in taken),
        needed=sum(p.default is inspect.Parameter.empty for p in taken),
        any_number=inspect.Parameter.VAR_POSITIONAL in kinds,
        any_name=inspect.Parameter.VAR_KEYWORD in kinds,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchModel:
    """gate.engines.memory.Model over a module: eval mode, no gradients, its own device."""

    module: Any
    predict: Predict | None
    answers_with_classes: bool = False

    @property
    def inputs_needed(self) -> int | None:
        """How many inputs `forward` needs; None where the user asks it in another way."""
        return None if self.predict else signature_of(self.module).needed

    def place(self, inputs: Inputs) -> Inputs:
        """Bring inputs to the module's device; NumPy's floats get the type of its weights."""
        first = next(self.module.parameters(), None)
        return _mapped(inputs, lambda part: _tensor(part, first))

    def ask(self, inputs: Inputs) -> Any:  # noqa: ANN401
        """Return what the module answers.

        Raises:
            InputError: its signature does not say how these inputs go in.
        """
        if self.predict:
            return self.predict(self.module, inputs)
        if isinstance(inputs, Mapping):
            self._check_names(inputs)
            return self.module(**inputs)
        if is_several(inputs):
            known = signature_of(self.module)
            if not known.needed <= len(inputs) <= known.most:
                raise _unclear(inputs, known, "model(inputs)")
            return self.module(*inputs)
        return self.module(inputs)

    def _check_names(self, inputs: Mapping[str, Any]) -> None:
        known = signature_of(self.module)
        if not set(inputs) <= set(known.names) and not known.any_name:
            raise _unclear(inputs, known, f"model(inputs[{next(iter(inputs))!r}])")

    def ready(self) -> AbstractContextManager[None]:
        """Evaluate: no gradients, eval mode, every module's own mode back afterwards."""
        return _asked(self.module)

    def wait(self) -> None:
        """Wait for a GPU: it answers before it is done."""
        if any(p.is_cuda for p in self.module.parameters()):
            torch.cuda.synchronize()


def _unclear(inputs: Any, known: Signature, example: str) -> InputError:  # noqa: ANN401
    return InputError(
        f"The batches' inputs are {shown(inputs)}, but forward takes ({', '.join(known.names)}).",
        cure=f"Give predict=, e.g. lambda model, inputs: {example}.",
    )


def _mapped(inputs: Inputs, change: Callable[[Any], Any]) -> Inputs:
    if isinstance(inputs, Mapping):
        return {name: _mapped(part, change) for name, part in inputs.items()}
    if is_several(inputs):
        return tuple(_mapped(part, change) for part in inputs)
    return change(inputs)


def _tensor(part: Any, weights: Any) -> Any:  # noqa: ANN401
    if hasattr(part, "to_numpy"):
        part = part.to_numpy()
    if isinstance(part, np.ndarray) and part.dtype.kind in "biufc":
        tensor = torch.from_numpy(np.ascontiguousarray(part))
        floats = weights is not None and tensor.is_floating_point() and weights.is_floating_point()
        part = tensor.to(weights.dtype) if floats else tensor
    return part.to(weights.device) if isinstance(part, torch.Tensor) and weights is not None else part


@contextmanager
def evaluating(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Switch to eval mode, and put every module's own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    with suppress(NotImplementedError):  # an exported program has one mode, and says so
        model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _asked(model: Any) -> Iterator[None]:  # noqa: ANN401
    with evaluating(model), torch.no_grad():
        yield


class Answering(torch.nn.Module):  # type: ignore[misc]  # torch is half-typed
    """A module as it was asked: it takes the parts of a batch one by one, and returns the answers alone."""

    def __init__(self, asked: TorchModel, inputs: Inputs) -> None:
        """Remember how; `inputs` are those of any batch."""
        super().__init__()
        self.module = asked.module
        names = tuple(leaves(inputs))

        def forward(*parts: Any) -> Any:  # noqa: ANN401
            answers, _ = chosen(asked.ask(_rebuilt(parts, names, inputs)), rows_in(parts[0]) or 0)
            return answers

        parameters = [inspect.Parameter(_variable(name, at), POSITIONAL) for at, name in enumerate(names)]
        forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # torch.export reads it
        self.forward = forward


def _variable(name: str, place: int) -> str:
    return name if name.isidentifier() and not iskeyword(name) else f"input_{place}"


def _rebuilt(parts: tuple[Any, ...], names: tuple[str, ...], like: Inputs) -> Inputs:
    if isinstance(like, Mapping):
        return dict(zip(names, parts, strict=True))
    return parts if is_several(like) else parts[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """gate.engines.memory.Model over an exported program: it takes the parts of a batch in the order of `names`."""

    program: TorchModel
    names: tuple[str, ...]
    inputs_needed: int | None
    answers_with_classes: bool = False

    def place(self, inputs: Inputs) -> Inputs:
        """Bring inputs to where the program is."""
        return self.program.place(inputs)

    def ask(self, inputs: Inputs) -> Any:  # noqa: ANN401
        """Return what the program answers."""
        parts = leaves(inputs)
        return self.program.module(*(parts[name] for name in self.names))

    def ready(self) -> AbstractContextManager[None]:
        """Without gradients."""
        return self.program.ready()

    def wait(self) -> None:
        """Wait for a GPU."""
        self.program.wait()


def exportable(asked: TorchModel, inputs: Inputs) -> Any:  # noqa: ANN401
    """Return the module that torch.export shall trace: itself, where it takes and returns one tensor, else as asked.

    Examples of an export lie on the CPU, so a module that does not is copied there.
    """
    inputs = asked.place(inputs)
    with asked.ready():
        output = asked.ask(inputs)
    if any(p.device.type != "cpu" for p in asked.module.parameters()):
        asked = replace(asked, module=deepcopy(asked.module).cpu())
    plain = asked.predict is None and isinstance(inputs, torch.Tensor) and isinstance(output, torch.Tensor)
    return asked.module if plain else Answering(asked, inputs)


def example_like(asked: TorchModel, inputs: Inputs, rows: int | None) -> Any:  # noqa: ANN401
    """Return two rows of zeros, as arrays: what is saved holds no row of the test set, and is the same in any order.

    Raises:
        InputError: an input that is no tensor.
    """
    parts = leaves(asked.place(inputs))
    odd = next((name for name, part in parts.items() if not isinstance(part, torch.Tensor)), None)
    if odd is not None:
        raise InputError(f"Input {odd!r} is {shown(parts[odd])}.", cure="Give tensors: an export takes nothing else.")
    zeros = {
        name: torch.zeros((2, *part.shape[1:]) if rows_in(part) == rows else part.shape, dtype=part.dtype).numpy()
        for name, part in parts.items()
    }
    return next(iter(zeros.values())) if list(zeros) == ["input"] and not isinstance(inputs, Mapping) else zeros
