"""What the gate could judge: what the evaluation writes, or results that lie there; and first limits for it."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ml_cicd.gate.importers.catalogue import import_metrics
from ml_cicd.gate.importers.reading import Reading, sample_of
from ml_cicd.gate.metric import Direction
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.metrics.names import KNOWN, direction_of, is_share, meaning
from ml_cicd.ground.errors import MlCicdError
from ml_cicd.starter.scripts import Script
from ml_cicd.starter.snapshot import PLAIN, Snapshot
from ml_cicd.starter.stages import dvc_stages, table
from ml_cicd.starter.tools import ELSEWHERE, LABELS, METRICS, PREDICTED, PREDICTIONS, RESULTS

FIRST_SHARE = 0.8
MOST_LIMITS = 3
MOST_RESULTS = 50
# Numbers of what was learnt, of the machine and of the file: nobody is judged by them.
ASIDE = re.compile(r"(?i)train|runtime|timestamp|(^|[._/])_|^(failures|errors|skipped|passed|tests)$")
TAIL = 0.05  # what a candidate like this one has against it in the gate, which asks for 95 % confidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A first threshold, and what it is taken from. A share unless `limit` is None: then somebody must say one."""

    metric: str
    direction: Direction
    limit: float | None
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where evidence lies: `kind` is predictions or metrics; `label` and `prediction` are a table's columns."""

    kind: str
    path: str
    why: str
    limits: tuple[Limit, ...] = ()
    label: str = ""
    prediction: str = ""


def sources(snapshot: Snapshot, scripts: Sequence[Script]) -> tuple[Source, ...]:
    """Return what may be judged, the best first: rows before numbers, what is made anew before what lies there."""
    written = [(script, path) for script in scripts for path in script.files]
    return (
        *(_table(script, path) for script, path in written if re.fullmatch(PREDICTIONS, path)),
        *(_numbers(snapshot, path, script.keys) for script, path in written if re.fullmatch(METRICS, path)),
        *(_numbers(snapshot, path, [k for s in scripts for k in s.keys]) for path in _of_dvc(snapshot)),
        *_lying(snapshot),
    )


def _table(script: Script, path: str) -> Source:
    names = {*script.words, *script.keys}
    label, prediction = (next((one for one in known if one in names), "") for known in (LABELS, PREDICTED))
    accuracy = Limit(metric="accuracy", direction=Direction.HIGHER, limit=FIRST_SHARE, why="a first guess")
    return Source(
        kind="predictions",
        path=path,
        why="the evaluation writes it",
        limits=(accuracy,),
        label=label,
        prediction=prediction,
    )


def _numbers(snapshot: Snapshot, path: str, keys: Sequence[str]) -> Source:
    """Return a file of metrics: its limits come from what lies there, else from the names that the script gives."""
    there = _result(snapshot, path)
    limits = there.limits if there else tuple(_first(name) for name in _wanted(keys))
    return Source(kind="metrics", path=path, why="the evaluation writes it", limits=limits)


def _of_dvc(snapshot: Snapshot) -> Iterator[str]:
    for told in dvc_stages(snapshot).values():
        listed = table(told).get("metrics")
        for one in listed if isinstance(listed, list) else []:
            path = next(iter(one), "") if isinstance(one, dict) else one
            if isinstance(path, str) and PLAIN.fullmatch(path):
                yield path


def _lying(snapshot: Snapshot) -> Iterator[Source]:
    """Yield the results that lie in the repository, those of a known tool first."""
    named = (path for path in snapshot.matching(RESULTS) if not re.fullmatch(rf"{ELSEWHERE}|\..*", path))
    there = [path for path in named if path in snapshot.texts][:MOST_RESULTS]
    found = [source for path in there if (source := _result(snapshot, path)) is not None]
    yield from sorted(found, key=lambda source: "tool" not in source.why)


def _result(snapshot: Snapshot, path: str) -> Source | None:
    """Return a result that lies in the repository, with what it reaches today as limits; None where it is none."""
    if path not in snapshot.texts:
        return None
    try:
        reading = import_metrics(snapshot.texts[path].encode(), path)
        names = list(reading.given) or list(reading.names)  # a tool's own names say more than its counters
        limits = tuple(_reached(reading, name, path) for name in _wanted(names))
    except MlCicdError:
        return None
    read_as = f"a tool's: {reading.tool}" if reading.tool else "numbers"
    return (
        Source(kind="metrics", path=path, why=f"it lies in the repository ({read_as})", limits=limits)
        if limits
        else None
    )


def _wanted(names: Sequence[str]) -> list[str]:
    """Return the names that a gate would ask for, the most telling first and each meaning once."""
    known = list(dict.fromkeys(KNOWN.values()))
    met: dict[str, str] = {}
    for name in sorted((name for name in names if not ASIDE.search(name)), key=lambda name: meaning(name) != name):
        says = meaning(name)
        told = says in known or is_share(name) or direction_of(name) is Direction.LOWER
        if told and re.fullmatch(r"[\w./,@() -]{1,80}", name) and "stderr" not in name:
            met.setdefault(says, name)
    order = sorted(met, key=lambda says: known.index(says) if says in known else len(known))
    return [met[says] for says in order][:MOST_LIMITS]


def _first(name: str) -> Limit:
    """Return a limit for a name of which no number is known."""
    direction = CATALOGUE[name].direction if name in CATALOGUE else direction_of(name)
    share = direction is Direction.HIGHER
    return Limit(metric=name, direction=direction, limit=FIRST_SHARE if share else None, why="a first guess")


def _reached(reading: Reading, name: str, path: str) -> Limit:
    """Return what the file shows that a candidate reaches, rounded to its disadvantage."""
    sample = sample_of(reading, name)
    if sample is None:
        return _first(name)
    judged = sample.bounded(TAIL)
    direction = CATALOGUE[name].direction if name in CATALOGUE else direction_of(name)
    higher = direction is Direction.HIGHER
    bound = (judged.lower if higher else judged.upper) or judged.value
    step = 0.01 * max(1.0, abs(bound))
    limit = (math.floor(bound / step - 1) if higher else math.ceil(bound / step + 1)) * step
    limit = max(0.0, limit) if bound >= 0 else limit
    return Limit(
        metric=name,
        direction=direction,
        limit=round(limit, 4),
        why=f"just under what {path} shows" if higher else f"just over what {path} shows",
    )
