"""Standard output and error: either may be closed, full, or a pipe that nobody reads any more."""

import contextlib
import os
import sys
from typing import TextIO

from ml_cicd.faces.plain import visible


def print_out(text: str) -> str:
    """Print the result, and return why it could not be: empty where it was, or where nobody wants it."""
    problem = _print(text, sys.stdout)
    return "" if problem is None or isinstance(problem, BrokenPipeError) else str(problem)


def print_err(text: str) -> None:
    """Print a line for the log; where there is none, nothing is lost that a decision needs."""
    _print(f"{visible(text)}\n", sys.stderr)


def ask(question: str) -> str:
    """Ask the person at the terminal; empty where nobody sits there, or says nothing."""
    if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    print_err(f"{question}\n  Enter leaves it as it is; or write another:")
    return sys.stdin.readline().strip()


def flush_out() -> None:
    """Flush what others printed, so that the interpreter has nothing to complain about at its end."""
    print_out("")


def shows_colour() -> bool:
    """Whether a terminal shows standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def shows_drawings() -> bool:
    """Whether standard output can write the characters that lines and blocks are drawn with."""
    try:
        "│├─●┤┼·◄►▁█".encode((sys.stdout and sys.stdout.encoding) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _print(text: str, stream: TextIO | None) -> OSError | None:
    if stream is None:  # closed before we began
        return None
    try:
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]  # it flushes, too
        stream.write(text)
        stream.flush()
    except OSError as problem:
        with contextlib.suppress(OSError):  # what is still buffered must go somewhere, or the end would fail with it
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return problem
    return None
