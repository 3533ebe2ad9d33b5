"""What the user says where a batch, a label or an output can be read in more than one way."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ml_cicd.gate.statistics import Label
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import describe


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """Each is None where nothing was said; then there is one reading, or an error that names the hint.

    Attributes:
        predict: called with (model, inputs of a batch), returns the answers: instead of the model itself.
        labels: the key or the place of the labels in a batch.
        positive: the positive class; precision, recall and F1 are of it.
        decision_threshold: of one score a row; above it a row is of class 1, true, or the one named positive.
    """

    predict: Callable[[Any, Any], Any] | None = None
    labels: str | int | None = None
    positive: Label | None = None
    decision_threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.predict is not None and not callable(self.predict):
            raise InputError(f"predict is {describe(self.predict)}.", cure="Give a function of (model, inputs).")
        if not isinstance(self.labels, str | int | None) or isinstance(self.labels, bool):
            raise InputError(f"labels is {describe(self.labels)}.", cure="Give the key or the place in a batch.")
        if not isinstance(self.positive, str | int | float | None):
            raise InputError(f"positive is {describe(self.positive)}.", cure="Give one of the classes.")
        number = isinstance(self.decision_threshold, int | float) and not isinstance(self.decision_threshold, bool)
        if self.decision_threshold is not None and not (number and math.isfinite(self.decision_threshold)):
            raise InputError(
                f"decision_threshold is {describe(self.decision_threshold)}.", cure="Give a finite number."
            )


NO_HINTS = Hints()
