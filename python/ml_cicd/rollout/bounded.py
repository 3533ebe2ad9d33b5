"""A look at the outside that may hang: whoever asks goes on after a while and says so."""

import math
from collections.abc import Callable
from typing import TypeVar

from ml_cicd.ground import patience
from ml_cicd.ground.errors import Unreachable

T = TypeVar("T")


def within(seconds: float, what: str, look: Callable[[], T]) -> T:
    """Return what a look finds, or what it raises.

    Raises:
        Unreachable: it takes longer. It is left to itself then, and dies with the process.
    """
    if math.isinf(seconds):
        return look()

    def late() -> Exception:
        return Unreachable(f"{what} did not answer within {seconds:g} s.", cure="Check that it runs, and its log.")

    return patience.within(seconds, look, late=late)
