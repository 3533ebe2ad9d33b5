"""An estimator that is asked: scikit-learn's, XGBoost's, LightGBM's, anybody's; known by `predict` alone."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from ml_cicd.gate.engines.memory import Inputs
from ml_cicd.gate.engines.rows import as_array
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import describe


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimator:
    """gate.engines.memory.Model over what has `predict`, or whatever the user's own `predict` asks."""

    model: Any
    predict: Callable[[Any, Any], Any] | None

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if self.predict is None and not callable(getattr(self.model, "predict", None)):
            raise InputError(
                f"The model is {describe(self.model)}.",
                cure="Give a torch.nn.Module, an estimator with `predict`, or predict=, a function of (model, inputs).",
            )

    @property
    def inputs_needed(self) -> int | None:
        """One, where it is asked by its own method."""
        return None if self.predict else 1

    @property
    def answers_with_classes(self) -> bool:
        """An estimator that knows its classes predicts them."""
        return self.predict is None and hasattr(self.model, "classes_")

    def place(self, inputs: Inputs) -> Inputs:
        """Turn tensors into arrays; all else is what the estimator was trained on."""
        if isinstance(inputs, Mapping):
            return {name: self.place(part) for name, part in inputs.items()}
        return as_array(inputs) if hasattr(inputs, "detach") and self.predict is None else inputs

    def ask(self, inputs: Inputs) -> Any:  # noqa: ANN401
        """Return what it predicts."""
        return self.predict(self.model, inputs) if self.predict else self.model.predict(inputs)

    def ready(self) -> AbstractContextManager[None]:
        """It has one mode."""
        return nullcontext()

    def wait(self) -> None:
        """It answers when it is done."""
