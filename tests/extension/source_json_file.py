"""A metric source: a file that the service writes, `{"blue": {"requests": 120, "errors": 3, "started": "..."}}`.

One file in `rollout/sources/` and one line in `SOURCES` of `rollout/doors.py`; a target names it under `metrics`.
Counters are cumulative, and their epoch changes when they start again: the canary itself takes the differences. Its
report says more where a source also has `kinds` in its counters, and the method of `Witness` in `rollout/ports.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_cicd.ground.errors import InputError, NotFound, Unreachable
from ml_cicd.ground.parse import as_integer, as_mapping, as_text, required
from ml_cicd.rollout.state import Counters
from ml_cicd.settings import setting, text


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Where the counters are."""

    path: str = setting(text(), "Path of the JSON file.")


class JsonFileSource:
    """rollout.ports.MetricSource over one file."""

    def __init__(self, path: Path, slots: tuple[str, ...]) -> None:
        """Name the file and the slots that must be in it."""
        self._path = path
        self._slots = slots

    def read(self) -> Mapping[str, Counters]:
        """Return cumulative counters by slot; a slot that is missing is an error, not silence."""
        where = str(self._path)
        try:
            found = as_mapping(json.loads(self._path.read_text(encoding="utf-8")), where)
            missing = [slot for slot in self._slots if slot not in found]
            if missing:
                raise NotFound(f"{where} does not count slot {missing[0]!r}.", cure="Let the service write it.")
            return {slot: _counters(found[slot], f"{where}.{slot}") for slot in self._slots}
        except (OSError, ValueError, InputError) as problem:
            raise Unreachable(f"{where} cannot be read: {problem}", cure="Does the service run?") from problem


def _counters(data: object, where: str) -> Counters:
    found = as_mapping(data, where)
    return Counters(
        requests=required(found, "requests", as_integer, where),
        events={"errors": required(found, "errors", as_integer, where)},
        epoch=required(found, "started", as_text, where),
    )


def connect(settings: Settings, slots: tuple[str, ...]) -> JsonFileSource:
    """Return the source of these settings."""
    return JsonFileSource(Path(settings.path), slots)
