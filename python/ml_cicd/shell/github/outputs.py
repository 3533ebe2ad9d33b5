"""The runner's output file (GITHUB_OUTPUT)."""

import uuid
from collections.abc import Mapping
from pathlib import Path

LONGEST = 32 * 1024


def write_outputs(path: Path, outputs: Mapping[str, str]) -> None:
    """Append outputs; every value is fenced by a delimiter that nobody can guess, so no value can forge another.

    A value over 32 KiB is cut with a note: the whole is in the report.
    """
    with path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
        for name, value in outputs.items():
            stream.write(_fenced(name, value))


def _fenced(name: str, value: str) -> str:
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    short = (
        value
        if len(value.encode(errors="replace")) <= LONGEST
        else value[: LONGEST // 4] + " ... (cut; see the report)"
    )
    return f"{name}<<{delimiter}\n{short}\n{delimiter}\n"
