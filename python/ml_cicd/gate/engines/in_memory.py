"""A model in memory with what it is judged on: measured as it is, and once more as it was saved."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ml_cicd.gate.engines.estimator import Estimator
from ml_cicd.gate.engines.memory import Batch, Inputs, MemorySource, Model, first_batch
from ml_cicd.gate.engines.rows import leaves, rows_in
from ml_cicd.gate.evidence import Evidence, measure
from ml_cicd.gate.hints import Hints
from ml_cicd.ground.finding import Subject

NOT_SAVED = "The saved estimator was asked by predict, which is not saved with it."


@dataclass(frozen=True, kw_only=True, slots=True)
class InMemory:
    """`data` is None where somebody else measured the model; `say` gets what takes time."""

    model: Any
    data: Any
    hints: Hints
    say: Callable[[str], None]

    @property
    def is_module(self) -> bool:
        """Whether it is a `torch.nn.Module`; nobody has one who has not imported torch."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(self.model, torch.nn.Module)

    def measure(self, wanted: frozenset[Subject], confidence: float) -> Evidence:
        """Return the evidence of a pass over the data."""
        return self._measured(self._asked(), wanted, confidence)

    def inputs(self) -> Inputs:
        """Return the inputs of the first batch, as the model gets them."""
        asked = self._asked()
        return asked.place(self._first_batch().inputs)

    def example(self) -> Any:  # noqa: ANN401
        """Return an example for the export, by the shapes of the first batch."""
        from ml_cicd.gate.engines.torch_model import example_like  # noqa: PLC0415  # needs torch

        batch = self._first_batch()
        return example_like(self._asked(), batch.inputs, rows_in(batch.labels))

    @contextmanager
    def exported(self, example: Inputs) -> Iterator[Any]:
        """Give what torch.export shall trace, in eval mode; the example shows the inputs where there is no data."""
        from ml_cicd.gate.engines.torch_model import evaluating, exportable  # noqa: PLC0415  # needs torch

        module = exportable(self._asked(), example if self.data is None else self._first_batch().inputs)
        with evaluating(module):
            yield module

    def measure_saved(self, model: object, wanted: frozenset[Subject], confidence: float) -> Evidence:
        """Return the evidence of the model as it was saved, on the same data."""
        if not self.is_module:
            found = replace(self, model=model).measure(wanted, confidence)
            return replace(found, notes=(*found.notes, NOT_SAVED)) if self.hints.predict else found
        from ml_cicd.gate.engines.torch_model import Program, TorchModel  # noqa: PLC0415  # needs torch

        saved = Program(
            program=TorchModel(module=model, predict=None),
            names=tuple(leaves(self._first_batch().inputs)),
            inputs_needed=self._asked().inputs_needed,
        )
        return self._measured(saved, wanted, confidence)

    def _asked(self) -> Any:  # noqa: ANN401  # a Model; the export wants to know that it is torch's
        if not self.is_module:
            return Estimator(model=self.model, predict=self.hints.predict)
        from ml_cicd.gate.engines.torch_model import TorchModel  # noqa: PLC0415  # needs torch

        return TorchModel(module=self.model, predict=self.hints.predict)

    def _first_batch(self) -> Batch:
        return first_batch(self._asked(), self.data, self.hints)

    def _measured(self, model: Model, wanted: frozenset[Subject], confidence: float) -> Evidence:
        source = MemorySource(model=model, data=self.data, hints=self.hints, say=self.say)
        return measure(wanted, source, confidence)
