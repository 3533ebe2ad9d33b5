"""The rollout's state as JSON (schema "ml-cicd/rollout/v1"), with the seq of the value that it belongs to."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ml_cicd.domain.rollout import Counters, Counts, Observation, Phase, RolloutState
from ml_cicd.errors import CorruptState, InputError
from ml_cicd.parse import as_integer, as_list, as_mapping, as_number, optional, required

SCHEMA = "ml-cicd/rollout/v1"
START_OVER = "delete the state file and set the map's value, in file and memory, to seq 0 with the serving slot first"
CURE = f"Restore it from a backup, or start over: {START_OVER}."
TEXTS = (
    "run_id",
    "model",
    "candidate",
    "candidate_digest",
    "champion",
    "champion_digest",
    "standby",
    "standby_digest",
    "reason",
    "plan_digest",
    "owner",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What lies beside the router: the state that belongs to `seq`, and the one that it took the place of."""

    seq: int
    state: RolloutState | None
    before: RolloutState | None


def dump(state: RolloutState | None, *, before: RolloutState | None, seq: int) -> str:
    """Return both states as JSON text; observations are rows of numbers."""
    data = {"schema": SCHEMA, "seq": seq, "state": _data(state), "before": _data(before)}
    return json.dumps(data, allow_nan=False) + "\n"


def load(text: str, where: str) -> Kept:
    """Return what `dump` wrote.

    Raises:
        CorruptState: it is not what `dump` writes.
    """
    try:
        data = as_mapping(json.loads(text), where)
        if data.get("schema") != SCHEMA:
            raise InputError(f"{where}: schema is {data.get('schema')!r}, not {SCHEMA}.", cure=CURE)
        states = {name: None if data[name] is None else _state(data[name], where) for name in ("state", "before")}
        return Kept(seq=required(data, "seq", as_integer, where), **states)
    except (ValueError, KeyError, InputError, RecursionError) as problem:
        says = problem.what if isinstance(problem, InputError) else problem
        raise CorruptState(f"{where} is not a rollout's state: {says}", cure=CURE) from problem


def _data(state: RolloutState | None) -> Mapping[str, object] | None:
    if state is None:
        return None
    data = asdict(state)
    data["observations"] = [
        [o.at, o.step, o.counts.nc, o.counts.xc, o.counts.nb, o.counts.xb] for o in state.observations
    ]
    return data


def _state(data: object, where: str) -> RolloutState:
    found = as_mapping(data, where)
    texts = {name: required(found, name, _text, where) for name in TEXTS}
    counters = optional(found, "counters", as_mapping, where)
    return RolloutState(
        **texts,
        phase=Phase(required(found, "phase", _text, where)),
        step=required(found, "step", as_integer, where),
        started=required(found, "started", as_number, where),
        deadline=required(found, "deadline", as_number, where),
        counters=None if counters is None else {slot: _counters(c, f"{where}.{slot}") for slot, c in counters.items()},
        observations=tuple(_observation(row, where) for row in required(found, "observations", as_list, where)),
    )


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path} is not text.", cure=CURE)
    return value


def _counters(data: object, where: str) -> Counters:
    found = as_mapping(data, where)
    return Counters(
        requests=required(found, "requests", as_integer, where),
        errors=required(found, "errors", as_integer, where),
        epoch=required(found, "epoch", _text, where),
    )


def _observation(row: object, where: str) -> Observation:
    numbers = as_list(row, where)
    if len(numbers) != 6:
        raise InputError(f"{where}: an observation has {len(numbers)} numbers.", cure=CURE)
    step, nc, xc, nb, xb = (as_integer(number, where) for number in numbers[1:])
    return Observation(at=as_number(numbers[0], where), step=step, counts=Counts(nc=nc, xc=xc, nb=nb, xb=xb))
