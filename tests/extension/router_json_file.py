"""A router: a proxy that reads its split from one JSON file and reads it again when the file changes.

One file in `rollout/routers/` and one line in `ROUTERS` of `rollout/doors.py`. The contract suite
(`tests/contracts/test_router_contract.py`) asks for what the rest relies on: split and state change together, the
fencing number decides between two writers, a lease is judged by the router's own clock. This one keeps the lease
because its proxy does: it gives the idle slot nothing once the time has passed.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep

from ml_cicd.ground.errors import Conflict, CorruptState, OutsideError, Unreachable
from ml_cicd.rollout.routers.state_files import StateFiles, replace_file
from ml_cicd.rollout.state import Observation, RolloutState, RouterView, Split
from ml_cicd.settings import setting, text


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Where the proxy reads its split."""

    path: str = setting(text(), "Path of the JSON file.")


class JsonFileRouter:
    """rollout.ports.TrafficRouter over one file."""

    def __init__(self, path: Path, slots: tuple[str, ...]) -> None:
        """Name the file; the first slot serves where nothing was written yet."""
        self._path = path
        self._start = Split(serving=slots[0], idle=slots[1])
        self._files = StateFiles(path)

    def read(self, *, urgent: bool = False) -> RouterView:
        """Read split, state and clock."""
        split = self._split()
        state, unsaved = self._files.last(split.seq) if urgent else (self._files.read(split.seq)[0], "")
        return RouterView(split=split, state=state, now=time.time(), unsaved=unsaved)

    def set_split(
        self,
        split: Split,
        state: RolloutState | None,
        *,
        expect_seq: int,
        seen: Sequence[Observation] = (),
        urgent: bool = False,
    ) -> RouterView:
        """Change both under a lock: state first, for it keeps the one before; traffic first where it is urgent."""
        unsaved = ""
        with self._locked():
            current = self._split()
            if current.seq != expect_seq or split.seq <= current.seq:
                raise Conflict(f"The seq is {current.seq}, not {expect_seq}.", cure="Run `ml-cicd status`.")
            if split.serving != current.serving:
                with self.hold(split.serving):
                    pass  # refused where somebody fills it
            if urgent:
                replace_file(self._path, json.dumps(asdict(split)))
                try:
                    self._files.write(split.seq, state, seen, seq_before=current.seq, urgent=True)
                except OutsideError as problem:
                    unsaved = problem.what
            else:
                self._files.write(split.seq, state, seen, seq_before=current.seq)
                replace_file(self._path, json.dumps(asdict(split)))
        return RouterView(split=split, state=state, now=time.time(), unsaved=unsaved)

    def observations(self, state: RolloutState) -> tuple[Observation, ...]:
        """Return the looks of a rollout."""
        return self._files.observations(state)

    @contextmanager
    def hold(self, slot: str, *, seconds: float = 0.0) -> Iterator[None]:
        """Hold a lock of the slot's own, which ends with this process."""
        end = monotonic() + seconds
        with self._path.with_name(f"{self._path.name}.{slot}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if monotonic() >= end:
                        raise Conflict(f"Another run fills slot {slot}.", cure="Let it end.") from None
                    sleep(0.02)
                else:
                    break
            yield

    def _split(self) -> Split:
        try:
            return Split(**json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return self._start
        except (OSError, ValueError, TypeError) as problem:
            raise CorruptState(f"{self._path} cannot be read: {problem}.", cure="Restore it.") from problem

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            handle = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o660)
        except OSError as problem:
            raise Unreachable(f"{self._path} cannot be locked: {problem}.", cure="Check its folder.") from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def connect(settings: Settings, slots: tuple[str, ...]) -> JsonFileRouter:
    """Return the router of these settings."""
    return JsonFileRouter(Path(settings.path), slots)
