"""A model format: a folder with one file linear.json, `{"weights": [0.5, -1.0], "bias": 0.1}`.

One file in `registry/formats/` and one line in `FORMATS` of `registry/doors.py`. A format recognises its files and
names what in them could run code when they are loaded; nothing is loaded to find out. It is an allow-list: what is not
known to be harmless is a violation.
"""

import json
import math
from pathlib import Path

from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.look import Allowed

NAME = "linear.json"
LARGEST_FILE = 64 * 2**20


def recognises(path: Path) -> bool:
    """Whether it is a folder with that file."""
    return (path / NAME).is_file()


def violations(path: Path, _allowed: Allowed) -> tuple[str, ...]:
    """Return what in it is more than numbers; empty for a plain model."""
    problems = [f"file {file.name!r} is not one of a linear model" for file in path.iterdir() if file.name != NAME]
    file = path / NAME
    if file.stat().st_size > LARGEST_FILE:
        return (*problems, f"{NAME} is larger than 64 MiB")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        return (*problems, f"{NAME} cannot be read ({problem})")
    if not isinstance(found, dict):
        return (*problems, f"{NAME} is no mapping")
    problems += [f"{NAME} has {name!r}" for name in sorted(set(found) - {"weights", "bias"})]
    weights = found.get("weights")
    numbers = [*(weights if isinstance(weights, list) else [None]), found.get("bias")]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers):
        problems.append(f"{NAME}: a weight is no finite number")
    return tuple(problems)


FORMAT = Format(
    name="linear model",
    recognised="a folder with linear.json",
    looked_at="the whole JSON",
    refused="anything but finite numbers, other files",
    way_out="Write weights and bias as numbers.",
    recognises=recognises,
    violations=violations,
)
