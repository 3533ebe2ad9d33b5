"""A bound for a whole call, whatever its parts do: a socket's timeout starts anew with each byte that drips in."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T], *, late: Callable[[], Exception]) -> T:
    """Return what the call returns, or raise what it raises, if that happens in time; else raise what `late` returns.

    A late call goes on in a thread of its own, which keeps no process alive; `late` is where its connection can be
    closed, so that it ends too.
    """
    values: list[T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            values.append(call())
        except BaseException as problem:  # noqa: BLE001  # raised again by the caller's thread
            problems.append(problem)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if values:
        return values[0]
    try:
        raise problems[0] if problems else late()
    finally:
        problems.clear()  # else the error would keep its frames, and they their connections
