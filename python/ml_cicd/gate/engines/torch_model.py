"""A `torch.nn.Module` that is asked: its signature says how inputs go in, and its device where they go first."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ml_cicd.gate.engines.answers import chosen
from ml_cicd.gate.engines.memory import Inputs
from ml_cicd.gate.engines.rows import leaves, rows_in, shown
from ml_cicd.ground.errors import InputError

Predict = Callable[[Any, Any], Any]
POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


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
    taken = [p for p in parameters if p.kind in POSITIONAL]
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
        first = next(self.module.parameters(), torch.zeros(0))
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
        if isinstance(inputs, tuple | list):
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
    if isinstance(inputs, tuple | list):
        return tuple(_mapped(part, change) for part in inputs)
    return change(inputs)


def _tensor(part: Any, like: Any) -> Any:  # noqa: ANN401
    if isinstance(part, torch.Tensor):
        return part.to(like.device)
    if hasattr(part, "to_numpy"):
        part = part.to_numpy()
    if not isinstance(part, np.ndarray) or part.dtype.kind not in "biufc":
        return part
    tensor = torch.from_numpy(np.ascontiguousarray(part)).to(like.device)
    return tensor.to(like.dtype) if tensor.is_floating_point() and like.is_floating_point() else tensor


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
        self._asked, self._like = asked, inputs
        kind, names = inspect.Parameter.POSITIONAL_OR_KEYWORD, tuple(leaves(inputs))

        def forward(*parts: Any) -> Any:  # noqa: ANN401
            answers, _ = chosen(asked.ask(_rebuilt(parts, names, inputs)), rows_in(parts[0]) or 0)
            return answers

        forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # torch.export reads it
            [inspect.Parameter(name, kind) for name in names]
        )
        self.forward = forward


def _rebuilt(parts: tuple[Any, ...], names: tuple[str, ...], like: Inputs) -> Inputs:
    if isinstance(like, Mapping):
        return dict(zip(names, parts, strict=True))
    return parts if isinstance(like, tuple | list) else parts[0]


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
