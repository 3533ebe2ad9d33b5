"""A target behind HAProxy (ports.TrafficRouter): the whole traffic state is one value of one map.

Beside the map file lie the rollout's state (state_files.py), `<map>.lock`, and `<map>.<slot>.lock`, which whoever fills
that slot holds.

    a write         looks, state file, map file, HAProxy's memory, read-back
    an urgent one   HAProxy's memory, read-back, looks and state file, map file

A write that gives the candidate more is safe against a kill in between: the state file keeps the state before it, which
is the one in force for as long as the value in memory is the older one. An urgent write takes traffic back, and must
not depend on a folder that is full, read-only or edited: it moves traffic first. A kill after that, or files that
cannot be written, leaves the traffic where it belongs and the files one write behind. Until they are written, a reload
would bring the older split back, for as long as its lease lasts; a canary reads the difference and refuses to go on;
and a second rollback writes the files again. That is why the order depends on the direction.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml_cicd.ground.errors import Conflict, CorruptState, InputError, OutsideError, Refused, Unreachable
from ml_cicd.ground.finding import Finding
from ml_cicd.rollout.routers import haproxy_socket
from ml_cicd.rollout.routers.haproxy_examination import examine
from ml_cicd.rollout.routers.haproxy_socket import backends
from ml_cicd.rollout.routers.haproxy_value import EMPTY, decode, encode
from ml_cicd.rollout.routers.state_files import CURE, MODE, StateFiles, replace_file
from ml_cicd.rollout.state import Observation, RolloutState, RouterView, Split
from ml_cicd.settings import setting, text

KEY = "split"
LOCK_SECONDS = 5.0
SERVER_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """An HAProxy: its runtime socket and the map file that it reads at start."""

    socket: str = setting(text(), "Absolute path of the runtime socket.")
    map: str = setting(text(), "Absolute path of the map file, as HAProxy's configuration names it.")


class HaproxyRouter:
    """One HAProxy with one split map."""

    def __init__(self, settings: Settings, slots: tuple[str, ...]) -> None:
        """Name socket, map and the target's slots; connects to nothing."""
        if not Path(settings.socket).is_absolute() or not Path(settings.map).is_absolute():
            raise InputError(
                f"The router's socket {settings.socket!r} and map {settings.map!r} must be absolute paths.",
                cure="HAProxy names its map by the path in its own configuration; write the same one.",
            )
        self._socket = settings.socket
        self._map = Path(settings.map)
        self._slots = slots
        self._files = StateFiles(self._map)

    @property
    def state_path(self) -> Path:
        """Where the rollout's state lies."""
        return self._files.path

    def read(self, *, urgent: bool = False) -> RouterView:
        """Read the value that serves, the state beside it and the time.

        The router's clock is this machine's wall clock: it judges leases by `date()`, and its socket is a local one.
        """
        if urgent:
            return self._urgent_view()
        split = self._split()
        self._check_file(split)
        state, _ = self._files.read(split.seq)
        return RouterView(split=split, state=state, now=time.time())

    def _urgent_view(self) -> RouterView:
        """Read what can be read. A value that is no split is taken from the file, where that has a good one."""
        split, doubts = self._memory_or_file()
        state, doubt = self._files.last(split.seq)
        doubts.append(doubt)
        try:
            self._check_file(split)
        except OutsideError as problem:
            doubts.append(problem.what)
        unsaved, older = " ".join(filter(None, doubts)), self._files.is_ahead(split.seq)
        return RouterView(split=split, state=state, now=time.time(), unsaved=unsaved, older=older)

    def _memory_or_file(self) -> tuple[Split, list[str]]:
        try:
            return self._split(), []
        except CorruptState as problem:
            doubts = [problem.what]
        with contextlib.suppress(OutsideError):
            split = decode(self._file_text())
            if {split.serving, split.idle} <= set(self._slots):
                return split, doubts
        return Split(serving=self._slots[0], idle=self._slots[1]), doubts

    def set_split(
        self,
        split: Split,
        state: RolloutState | None,
        *,
        expect_seq: int,
        seen: Sequence[Observation] = (),
        urgent: bool = False,
    ) -> RouterView:
        """Change value and state under a lock and read back (see the module for the order and why it is safe)."""
        with self._locked(urgent=urgent):
            current = self._memory_or_file()[0] if urgent else self._split()
            if current.seq != expect_seq or split.seq <= current.seq:
                raise Conflict(
                    f"The router's value has seq {current.seq}, not {expect_seq}: somebody else changed it.",
                    cure="Run `ml-cicd status` to see what serves; this run has stopped and touched nothing.",
                )
            if split.serving != current.serving:
                with self.hold(split.serving):  # else it may be empty a moment later
                    self._await_server(split.serving)
            if urgent:
                self._write_memory(split)
                unsaved = self._try_files(split, state, seen, seq_before=current.seq)
            else:
                self._files.write(split.seq, state, seen, seq_before=current.seq)
                replace_file(self._map, self._map_text(split))
                self._write_memory(split)
                unsaved = ""
        return RouterView(split=split, state=state, now=time.time(), unsaved=unsaved)

    @contextmanager
    def hold(self, slot: str, *, seconds: float = 0.0) -> Iterator[None]:
        """Hold a lock that ends with this process. A folder in which there can be none keeps nobody from a slot."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(_lock(self._map.with_name(f"{self._map.name}.{slot}.lock"), seconds=seconds))
            except Unreachable as problem:
                raise Conflict(
                    f"Another run is filling slot {slot} at this moment.",
                    cure="Let its hook end, or cancel that run; then run this again.",
                ) from problem
            except OutsideError:
                pass
            yield

    def _await_server(self, slot: str) -> None:
        """Wait for HAProxy's health check, which lags behind a slot that was just filled: its users would get 503.

        No longer than the check takes: whoever wants that slot to serve has asked the slot itself, or cannot.
        """
        end = time.monotonic() + SERVER_SECONDS
        with contextlib.suppress(OutsideError):
            while any(row["pxname"] == slot and row["status"] == "DOWN" for row in backends(self._socket)):
                if time.monotonic() > end:
                    return
                time.sleep(0.02)

    def _write_memory(self, split: Split) -> None:
        haproxy_socket.set_map_value(self._socket, str(self._map), KEY, encode(split))
        found = self._split()
        if found != split:
            raise Conflict(
                f"The router reads {encode(found)} right after {encode(split)} was written.",
                cure="Run `ml-cicd status`; another process may write to it.",
            )

    def _try_files(
        self, split: Split, state: RolloutState | None, seen: Sequence[Observation], *, seq_before: int
    ) -> str:
        """Write state and map file, the second even where the first fails, and say what could not be written."""
        problems: list[str] = []
        try:
            self._files.write(split.seq, state, seen, seq_before=seq_before, urgent=True)
        except OutsideError as problem:
            problems.append(problem.what)
        try:
            replace_file(self._map, self._map_text(split))
        except OutsideError as problem:
            problems.append(problem.what)
        return " ".join(problems)

    def observations(self, state: RolloutState) -> tuple[Observation, ...]:
        """Return the looks that belong to a state."""
        return self._files.observations(state)

    def examine(self) -> tuple[Finding, ...]:
        """Look at the socket's kind, the map's folder, the clock and HAProxy's configuration."""
        return examine(self._socket, self._map, self._slots)

    def _split(self) -> Split:
        serving = haproxy_socket.map_value(self._socket, str(self._map), KEY)
        if serving is None:
            raise CorruptState(
                f"The map {self._map} has no key {KEY!r}.",
                cure=f"Put the line `{KEY} {EMPTY}` into it, with the serving slot first, and reload.",
            )
        split = decode(serving)
        unknown = {split.serving, split.idle} - set(self._slots)
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
        text = self._file_text()
        if text == encode(serving):
            return
        with contextlib.suppress(CorruptState):
            if decode(text).seq == serving.seq + 1:
                return
        raise CorruptState(
            f"{self._map} says {text[:80]!r} but HAProxy serves {encode(serving)!r}: one of them was edited by hand, "
            f"or traffic was taken back by a run that died before it wrote the file or could not write it.",
            cure=f"{CURE} To have what the file says instead, reload HAProxy.",
        )

    def _file_text(self) -> str:
        """Return the value that the file has; nothing where it has none."""
        line = next((one for one in self._map_lines() if one.split(maxsplit=1)[:1] == [KEY]), "")
        return line.removeprefix(KEY).strip()

    def _map_text(self, split: Split) -> str:
        """Return the map file with its one key changed and everything else kept."""
        kept = [old for old in self._map_lines() if old.split(maxsplit=1)[:1] != [KEY]]
        return "\n".join([*kept, f"{KEY} {encode(split)}"]) + "\n"

    def _map_lines(self) -> list[str]:
        """Return the file's lines, odd bytes of other people's lines included; none where there is no file."""
        try:
            return self._map.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise Refused(f"{self._map} cannot be read: {problem}.", cure="Check the path and its owner.") from problem

    @contextmanager
    def _locked(self, *, urgent: bool) -> Iterator[None]:
        """Hold the lock. An urgent write goes on without one that cannot be had: its folder may be gone or full, or a
        writer may hang in it, and a writer that wakes up later gives the candidate no more than its lease.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(_lock(self._map.with_name(self._map.name + ".lock")))
            except OutsideError:
                if not urgent:
                    raise
            yield


@contextmanager
def _lock(path: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    except OSError as problem:
        raise Refused(f"{path} cannot be opened: {problem}.", cure="The folder must be writable.") from problem
    try:
        with contextlib.suppress(PermissionError):  # another user of the group made it, and it is as it should
            os.fchmod(handle, MODE)  # as the state beside it, whatever the umask says: who cannot open it holds nothing
        _acquire(handle, path, seconds)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, seconds: float) -> None:
    import fcntl  # noqa: PLC0415  # not on Windows, where the settings of this router can be read all the same

    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                what = f"{path} is held by another run for more than {seconds:g} s."
                raise Unreachable(what, cure="Try again.") from None
            time.sleep(0.02)
        except OSError as problem:  # e.g. a network file system without locks
            raise Refused(f"{path} cannot be locked: {problem}.", cure="Keep the map on a local disk.") from problem
        else:
            return


def connect(settings: Settings, slots: tuple[str, ...]) -> HaproxyRouter:
    """Return the router of these settings."""
    return HaproxyRouter(settings, slots)
