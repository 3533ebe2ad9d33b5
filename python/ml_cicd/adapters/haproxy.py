"""A target behind HAProxy (ports.TrafficRouter): the whole traffic state is one value of one map.

Beside the map file lie `<map>.state.json` (the rollout's state) and `<map>.lock`. A write goes state file, map file,
HAProxy's memory, read-back. A kill in between is safe: the state file names the seq that it was written for and keeps
the state before it, which is the one in force for as long as the value in memory is the older one.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ml_cicd.adapters import haproxy_socket, rollout_json
from ml_cicd.domain.config import RouterConfig
from ml_cicd.domain.rollout import Counters, RolloutState, RouterView, Split, decode_split
from ml_cicd.errors import Conflict, CorruptState, InputError, NotFound, Refused, Unreachable

KEY = "split"
LOCK_SECONDS = 5.0


class HaproxyRouter:
    """One HAProxy with one split map."""

    def __init__(self, *, config: RouterConfig, slots: tuple[str, ...]) -> None:
        """Name socket and map; connects to nothing."""
        if not Path(config.socket).is_absolute() or not Path(config.map).is_absolute():
            raise InputError(
                f"The router's socket {config.socket!r} and map {config.map!r} must be absolute paths.",
                cure="HAProxy names its map by the path in its own configuration; write the same one.",
            )
        self._socket = config.socket
        self._map = Path(config.map)
        self._slots = slots

    def read(self) -> RouterView:
        """Read the value that serves, the state beside it and the time.

        The router's clock is this machine's wall clock: it judges leases by `date()`, and its socket is a local one.
        """
        split = self._split()
        self._check_file(split)
        state = self._state(split)
        return RouterView(split=split, state=state, now=time.time())

    def write(self, split: Split, state: RolloutState | None, *, expect_seq: int) -> RouterView:
        """Change value and state under a lock and read back (see the module for the order and why it is safe)."""
        with self._locked():
            current = self._split()
            if current.seq != expect_seq or split.seq <= current.seq:
                raise Conflict(
                    f"The router's value has seq {current.seq}, not {expect_seq}: somebody else changed it.",
                    cure="Run `ml-cicd status` to see what serves; this run has stopped and touched nothing.",
                )
            in_force = self._state(current)
            _replace(self._state_path, rollout_json.dump(state, before=in_force, seq=split.seq))
            _replace(self._map, self._map_text(split))
            haproxy_socket.set_map_value(self._socket, str(self._map), KEY, split.encode())
            found = self._split()
            if found != split:
                raise Conflict(
                    f"The router reads {found.encode()} right after {split.encode()} was written.",
                    cure="Run `ml-cicd status`; another process may write to it.",
                )
        return RouterView(split=found, state=state, now=time.time())

    def counters(self) -> Mapping[str, Counters]:
        """Return cumulative counters of each slot's backend.

        They are the backend's own, so that they hold what users saw and no retry: requests are its sessions (stot);
        failed are answers 5xx, HAProxy's own 502, 503 and 504 among them (hrsp_5xx), and answers that broke off
        (srv_abrt); tried on 2.6. The epoch is HAProxy's process, so a reload starts anew.
        """
        facts = haproxy_socket.info(self._socket)
        epoch = f"{facts.get('Pid', '')}:{facts.get('Start_time_sec', '')}"
        found: dict[str, Counters] = {}
        for row in haproxy_socket.backends(self._socket):
            slot = row.get("pxname", "")
            if slot in self._slots:
                errors = _count(row, "hrsp_5xx") + _count(row, "srv_abrt")
                found[slot] = Counters(requests=_count(row, "stot"), errors=errors, epoch=epoch)
        missing = [slot for slot in self._slots if slot not in found]
        if missing:
            raise NotFound(
                f"HAProxy has no backend called {missing[0]!r}.", cure="Each slot needs a backend of the same name."
            )
        return found

    @property
    def _state_path(self) -> Path:
        return self._map.with_name(self._map.name + ".state.json")

    def _split(self) -> Split:
        serving = haproxy_socket.map_value(self._socket, str(self._map), KEY)
        if serving is None:
            raise CorruptState(
                f"The map {self._map} has no key {KEY!r}.",
                cure=f"Put the line `{KEY} blue:green:0:0:none:0` into it, with the serving slot first, and reload.",
            )
        split = decode_split(serving)
        unknown = {split.champion, split.candidate} - set(self._slots)
        if unknown:
            raise CorruptState(
                f"The router's value {serving!r} names slot {unknown.pop()!r}, which the target does not have.",
                cure=f"The target's slots are {', '.join(self._slots)}.",
            )
        return split

    def _check_file(self, serving: Split) -> None:
        """Refuse a map file that says something else than what serves: a reload would then move traffic by itself.

        One write ahead is what a kill between file and memory leaves, and the next write mends it.
        """
        line = next((one for one in self._map_lines() if one.split(maxsplit=1)[:1] == [KEY]), "")
        text = line.removeprefix(KEY).strip()
        if text == serving.encode():
            return
        with contextlib.suppress(CorruptState):
            if decode_split(text).seq == serving.seq + 1:
                return
        raise CorruptState(
            f"{self._map} says {text[:80]!r} but HAProxy serves {serving.encode()!r}: one of them was edited by hand.",
            cure=f"Decide which is right; to keep what serves, put `{KEY} {serving.encode()}` into the file.",
        )

    def _state(self, split: Split) -> RolloutState | None:
        try:
            text = self._state_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if split.seq > 0:
                raise CorruptState(
                    f"{self._state_path} is missing although the router's value was written {split.seq} times.",
                    cure=f"Restore it, or start over: {rollout_json.START_OVER}.",
                ) from None
            return None
        except OSError as problem:
            raise Refused(f"{self._state_path} cannot be read: {problem}.", cure="Let this user read it.") from problem
        found = rollout_json.load(text, str(self._state_path))
        if found.seq == split.seq:
            return found.state
        if found.seq == split.seq + 1:
            return found.before
        raise CorruptState(
            f"The router's value has seq {split.seq} but {self._state_path.name} was written for {found.seq}.",
            cure=f"The map was edited by hand or restored. Restore both, or start over: {rollout_json.START_OVER}.",
        )

    def _map_text(self, split: Split) -> str:
        """Return the map file with its one key changed and everything else kept."""
        kept = [old for old in self._map_lines() if old.split(maxsplit=1)[:1] != [KEY]]
        return "\n".join([*kept, f"{KEY} {split.encode()}"]) + "\n"

    def _map_lines(self) -> list[str]:
        try:
            return self._map.read_text(encoding="utf-8").splitlines()
        except OSError as problem:
            raise Refused(f"{self._map} cannot be read: {problem}.", cure="Check the path and its owner.") from problem

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._map.with_name(self._map.name + ".lock")
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        except OSError as problem:
            raise Refused(f"{path} cannot be opened: {problem}.", cure="The folder must be writable.") from problem
        try:
            _acquire(handle, path)
            yield
        finally:
            os.close(handle)


def _acquire(handle: int, path: Path) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise Unreachable(f"{path} is held by another run for more than 5 s.", cure="Try again.") from None
            time.sleep(0.02)
        else:
            return


def _replace(path: Path, text: str) -> None:
    """Write beside and rename, so that a kill leaves the old or the new file, never half of one."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o660
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except OSError as problem:
        raise Refused(f"{path} cannot be written: {problem}.", cure="The folder must be writable.") from problem


def _count(row: Mapping[str, str], name: str) -> int:
    text = row.get(name) or "0"
    if not text.isdigit():
        raise CorruptState(f"HAProxy's counter {name} reads {text[:40]!r}.", cure="Check HAProxy's version.")
    return int(text)
