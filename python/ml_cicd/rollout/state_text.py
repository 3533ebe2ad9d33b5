"""Rollouts as text, the same for every router that keeps files or annotations: a small state, and a line for each look.

    state   {"schema": "ml-cicd/rollout/v2", "seq": N, "state": {...} or null, "before": {...} or null, ...}
    looks   {"at": seconds, "step": index, "requests": [nc, nb], "readings": {"errors": [nc, xc, nb, xb], "latency":
            {"ms": [c, b]}}, "kinds": {"answer 5xx": [xc, xb]}}

Where the source tells groups of users, a look also has their requests ("groups": [...]), and a reading the sums of the
champion's groups before and during the rollout ([nc, xc, nb, xb, [n, n^2, x, n x, x^2], [the same]]), or how many users
the candidate's requests are worth ({"users": 12.5, "ms": [c, b]}).

A version 1 kept the observations inside the state, so that every look wrote all of them again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.ground.errors import CorruptState, InputError
from ml_cicd.ground.parse import as_integer, as_list, as_mapping, as_number, as_text, optional, required, suggest
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.state import Counters, Observation, Phase, Reading, RolloutState
from ml_cicd.rollout.times import Times
from ml_cicd.stats.sequential import Counts
from ml_cicd.stats.users import Spread, UserCounts

SCHEMA, FIRST_SCHEMA = "ml-cicd/rollout/v2", "ml-cicd/rollout/v1"
USERS = "users"
TIGHT = (",", ":")  # a week of looks every 15 seconds with users and times is 35 MiB, and 42 with blanks


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What lies beside a router: the state that belongs to `seq`, and the one that it took the place of.

    `size` and `size_before` are the bytes of looks that belong to each.
    """

    seq: int
    state: RolloutState | None
    before: RolloutState | None
    size: int = 0
    size_before: int = 0


def dump_kept(kept: Kept) -> str:
    """Return it as JSON text."""
    data = {
        "schema": SCHEMA,
        "seq": kept.seq,
        "state": _state_data(kept.state),
        "before": _state_data(kept.before),
        "size": kept.size,
        "size_before": kept.size_before,
    }
    return json.dumps(data, allow_nan=False) + "\n"


def load_kept(text: str, where: str, *, cure: str) -> Kept:
    """Return what `dump_kept` wrote.

    Raises:
        CorruptState: it is not that, or of another version of ml-cicd.
    """
    try:
        data = as_mapping(json.loads(text), where)
        if data.get("schema") == FIRST_SCHEMA and (old := _first(data, where)):
            return old
        if data.get("schema") != SCHEMA:
            raise InputError(f"schema is {data.get('schema')!r}, not {SCHEMA!r}: another version wrote it.", cure=cure)
        states = {name: None if data[name] is None else _state(data[name], where) for name in ("state", "before")}
        return Kept(
            seq=required(data, "seq", as_integer, where),
            state=states["state"],
            before=states["before"],
            size=required(data, "size", as_integer, where),
            size_before=required(data, "size_before", as_integer, where),
        )
    except (ValueError, KeyError, InputError, RecursionError) as problem:
        says = problem.what if isinstance(problem, InputError) else problem
        raise CorruptState(f"{where} is not a rollout's state: {says}", cure=cure) from problem


def _first(data: Mapping[str, object], where: str) -> Kept | None:
    """Return what is left of a version 1 whose rollouts have ended: its number, for the ledger has the rest.

    None where one is open: only the version that began it can go on with it.
    """
    states = [as_mapping(data[name], where) for name in ("state", "before") if data[name] is not None]
    if any(state.get("phase") in {Phase.DEPLOYING, Phase.RUNNING} for state in states[:1]):
        return None
    return Kept(seq=required(data, "seq", as_integer, where), state=None, before=None)


def dump_look(seen: Observation) -> str:
    """Return one observation as a line."""
    requests = {} if seen.requests is None else {"requests": list(seen.requests)}
    readings = {name: reading_data(reading) for name, reading in seen.readings.items()}
    kinds = {"kinds": {name: list(both) for name, both in seen.kinds.items()}} if seen.kinds else {}
    groups = {"groups": list(seen.groups)} if seen.groups else {}
    data = {"at": seen.at_seconds, "step": seen.step, **requests, "readings": readings, **kinds, **groups}
    return json.dumps(data, allow_nan=False, separators=TIGHT) + "\n"


def reading_data(reading: Reading) -> object:
    """Return a reading as it is written: four counts, with the sums by groups of users where there are any, or two for
    each bucket of times.
    """
    if isinstance(reading, Times):
        worth = {} if reading.users is None else {USERS: reading.users}
        return {**worth, **{str(bound): list(pair) for bound, pair in reading.buckets.items()}}
    row: list[object] = [reading.nc, reading.xc, reading.nb, reading.xb]
    users = reading.users
    return row if users is None else [*row, _spread_row(users.before), _spread_row(users.during)]


def _spread_row(spread: Spread) -> list[int]:
    return [spread.requests, spread.squares, spread.failures, spread.products, spread.failure_squares]


def load_looks(text: str, count: int, where: str, *, cure: str) -> tuple[Observation, ...]:
    """Return the first `count` observations; a line that was cut off, or that nobody counted yet, is none of them.

    Raises:
        CorruptState: there are fewer, or one is not what `dump_look` writes.
    """
    lines = text.split("\n")[:-1]  # what follows the last line break was never finished
    if len(lines) < count:
        raise CorruptState(f"{where} has {len(lines)} looks, but {count} were recorded.", cure=cure)
    try:
        return tuple(_look(json.loads(line), f"{where}, line {n}") for n, line in enumerate(lines[:count], start=1))
    except (ValueError, InputError, RecursionError) as problem:
        says = problem.what if isinstance(problem, InputError) else problem
        raise CorruptState(f"{where} is not a rollout's record of looks: {says}", cure=cure) from problem


def _state_data(state: RolloutState | None) -> Mapping[str, object] | None:
    if state is None:
        return None
    releases = {name: getattr(state, name) for name in ("candidate", "champion", "standby")}
    counters = state.counters
    return {
        "run_id": state.run_id,
        "model": state.model,
        **{name: {"version": r.version, "digest": r.digest} for name, r in releases.items()},
        "phase": state.phase.value,
        "step": state.step,
        "started_at": state.started_at,
        "deadline_seconds": state.deadline_seconds,
        "reason": state.reason,
        "plan_digest": state.plan_digest,
        "owner": state.owner,
        "actor": state.actor,
        "run_url": state.run_url,
        "rejected": state.rejected,
        "undecided": state.undecided,
        "looks": state.looks,
        "counters": None if counters is None else {slot: _counters_data(c) for slot, c in counters.items()},
    }


def _counters_data(counters: Counters) -> Mapping[str, object]:
    return {
        "requests": counters.requests,
        "epoch": counters.epoch,
        "events": dict(counters.events),
        "open": counters.open,
        "away": counters.away,
        "kinds": dict(counters.kinds),
        "times": None if counters.times is None else {str(bound): n for bound, n in counters.times.items()},
    }


def _state(data: object, where: str) -> RolloutState:
    found = as_mapping(data, where)
    counters = optional(found, "counters", as_mapping, where)
    phase = required(found, "phase", as_text, where)
    if phase not in set(Phase):
        raise InputError(f"{where}: phase {phase!r} is unknown.", cure=suggest(phase, list(Phase)))
    return RolloutState(
        run_id=required(found, "run_id", _text, where),
        model=required(found, "model", _text, where),
        candidate=required(found, "candidate", _release, where),
        champion=required(found, "champion", _release, where),
        standby=required(found, "standby", _release, where),
        phase=Phase(phase),
        step=required(found, "step", as_integer, where),
        started_at=required(found, "started_at", as_number, where),
        deadline_seconds=required(found, "deadline_seconds", as_number, where),
        reason=required(found, "reason", _text, where),
        plan_digest=required(found, "plan_digest", _text, where),
        owner=required(found, "owner", _text, where),
        actor=optional(found, "actor", _text, where) or "",  # an earlier version did not write who it was
        run_url=optional(found, "run_url", _text, where) or "",
        rejected=optional(found, "rejected", _flag, where) or False,
        undecided=optional(found, "undecided", _flag, where) or False,
        looks=required(found, "looks", as_integer, where),
        counters=None if counters is None else {slot: _counters(c, f"{where}.{slot}") for slot, c in counters.items()},
    )


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{path} is neither true nor false.", cure="Restore it.")
    return value


def _release(value: object, path: str) -> Release:
    found = as_mapping(value, path)
    release = Release(version=required(found, "version", _text, path), digest=required(found, "digest", _text, path))
    return release or NOTHING


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path} is not text.", cure="Restore it.")
    return value


def _counters(data: object, where: str) -> Counters:
    found = as_mapping(data, where)
    events = required(found, "events", as_mapping, where)
    return Counters(
        requests=required(found, "requests", as_integer, where),
        epoch=required(found, "epoch", _text, where),
        events={name: as_integer(count, f"{where}.{name}") for name, count in events.items()},
        open=optional(found, "open", as_integer, where),
        away=optional(found, "away", as_integer, where),
        kinds={name: as_integer(n, f"{where}.{name}") for name, n in _mapping(found, "kinds", where).items()},
        times=optional(found, "times", _buckets, where),  # an earlier version did not write them
    )


def _buckets(value: object, where: str) -> Mapping[int, int]:
    return {_bound(bound, where): as_integer(n, f"{where}.{bound}") for bound, n in as_mapping(value, where).items()}


def _bound(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"{where}: {text!r} is no time in milliseconds.", cure="Restore it.")
    return int(text)


def _look(data: object, where: str) -> Observation:
    found = as_mapping(data, where)
    readings = required(found, "readings", as_mapping, where)
    return Observation(
        at_seconds=required(found, "at", as_number, where),
        step=required(found, "step", as_integer, where),
        readings={name: _reading(row, f"{where}.{name}") for name, row in readings.items()},
        requests=optional(found, "requests", _pair, where),  # an earlier version did not write them
        kinds={name: _pair(row, f"{where}.{name}") for name, row in _mapping(found, "kinds", where).items()},
        groups=tuple(as_integer(n, f"{where}.groups") for n in optional(found, "groups", as_list, where) or ()),
    )


def _mapping(found: Mapping[str, object], name: str, where: str) -> Mapping[str, object]:
    """Return what may be absent: an earlier version did not write it."""
    return optional(found, name, as_mapping, where) or {}


def _reading(row: object, where: str) -> Reading:
    if isinstance(row, Mapping):
        buckets = {
            _bound(bound, where): _pair(pair, f"{where}.{bound}") for bound, pair in row.items() if bound != USERS
        }
        return Times(buckets=buckets, users=optional(row, USERS, as_number, where))
    numbers = as_list(row, where)
    nc, xc, nb, xb = _integers(numbers[:4], 4, where)
    users = None
    if len(numbers) != 4:
        before, during = _rows(numbers[4:], 2, where)
        users = UserCounts(before=_spread(before, where), during=_spread(during, where))
    return Counts(nc=nc, xc=xc, nb=nb, xb=xb, users=users)


def _spread(row: object, where: str) -> Spread:
    n, squares, x, products, failure_squares = _integers(row, 5, where)
    return Spread(requests=n, squares=squares, failures=x, products=products, failure_squares=failure_squares)


def _pair(row: object, where: str) -> tuple[int, int]:
    candidate, champion = _integers(row, 2, where)
    return candidate, champion


def _integers(row: object, count: int, where: str) -> list[int]:
    return [as_integer(number, where) for number in _rows(row, count, where)]


def _rows(row: object, count: int, where: str) -> list[object]:
    found = list(as_list(row, where))
    if len(found) != count:
        raise InputError(f"{where}: {len(found)} numbers are not {count}.", cure="Restore it.")
    return found
