"""A look at the outside that may hang: whoever asks goes on after a while and says so."""

import math
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from ml_cicd.ground.errors import Unreachable

T = TypeVar("T")


def within(seconds: float, what: str, look: Callable[[], T]) -> T:
    """Return what a look finds, or what it raises.

    Raises:
        Unreachable: it takes longer. It is left to itself then, and dies with the process.
    """
    found: list[T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            found.append(look())
        except BaseException as problem:  # noqa: BLE001  # raised again below, in the thread that asked
            problems.append(problem)

    thread = Thread(target=run, daemon=True)  # a thread that hangs must not keep the process from ending
    thread.start()
    thread.join(None if math.isinf(seconds) else seconds)
    if problems:
        raise problems[0]
    if not found:
        raise Unreachable(f"{what} did not answer within {seconds:g} s.", cure="Check that it runs, and its log.")
    return found[0]
