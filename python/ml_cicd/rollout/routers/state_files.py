"""A rollout's state in files beside a router: a small state that is replaced, and looks that are only added to.

A write costs the same after seven days as after a minute. The state names the seq that it was written for and keeps
the one before it, which is in force for as long as the router's value is the older one; it also says how many bytes of
looks belong to it, so that a line which a killed writer left is cut off by the next one and counted by nobody.

An urgent write, which takes traffic back, comes after the router's value: a kill in between leaves a state that is one
write behind. No canary goes on from there (`read` refuses it), and a rollback needs no more than a hint (`last`).
"""

import contextlib
import glob
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ml_cicd.ground.errors import CorruptState, OutsideError, Refused
from ml_cicd.rollout.state import Observation, RolloutState
from ml_cicd.rollout.state_text import Kept, dump_kept, dump_look, load_kept, load_looks

MODE = 0o660
CURE = "Run `ml-cicd rollback --to champion`: it keeps what serves and writes the files again."


class StateFiles:
    """`<base>.state.json`, and `<base>.looks-<run>.jsonl` for each rollout still needed. Callers hold a lock."""

    def __init__(self, base: Path) -> None:
        """Name them; touches nothing."""
        self._base = base
        self.path = base.with_name(base.name + ".state.json")

    def read(self, seq: int) -> tuple[RolloutState | None, int]:
        """Return the state in force at this seq, and the size of its looks.

        Raises:
            CorruptState: missing, unreadable or of another seq. Refused: no permission.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if seq > 0:
                raise CorruptState(
                    f"{self.path} is missing although the router's value was written {seq} times.", cure=CURE
                ) from None
            return None, 0
        except UnicodeDecodeError as problem:
            raise CorruptState(f"{self.path} is not text: {problem}.", cure=CURE) from problem
        except OSError as problem:
            raise Refused(f"{self.path} cannot be read: {problem}.", cure="Let this user read it.") from problem
        kept = load_kept(text, str(self.path), cure=CURE)
        if kept.seq == seq:
            return kept.state, kept.size
        if kept.seq == seq + 1:  # the last write did not reach the router: the state before it is in force
            return kept.before, kept.size_before
        raise CorruptState(
            f"The router's value has seq {seq} but {self.path.name} was written for {kept.seq}.",
            cure=f"The map was edited or restored by hand, or its folder could not be written. {CURE}",
        )

    def is_ahead(self, seq: int) -> bool:
        """Whether the state was written for a later value, and that was no write that a kill cut short."""
        with contextlib.suppress(OSError, UnicodeDecodeError, CorruptState):
            return load_kept(self.path.read_text(encoding="utf-8"), str(self.path), cure=CURE).seq > seq + 1
        return False

    def last(self, seq: int) -> tuple[RolloutState | None, str]:
        """Return the state that lies here and, in words, why it may not be the one in force at this seq."""
        try:
            return self.read(seq)[0], ""
        except OutsideError as problem:
            why = problem.what
        with contextlib.suppress(OSError, UnicodeDecodeError, CorruptState):
            return load_kept(self.path.read_text(encoding="utf-8"), str(self.path), cure=CURE).state, why
        return None, why

    def write(
        self,
        seq: int,
        state: RolloutState | None,
        seen: Sequence[Observation],
        *,
        seq_before: int,
        urgent: bool = False,
    ) -> None:
        """Add looks and replace the state; the router's value comes after this, unless the write is `urgent`.

        An urgent one has no need of the state before it, and replaces whatever lies there.
        """
        before, size_before = self._before(seq_before, urgent=urgent)
        same_run = state is not None and before is not None and before.run_id == state.run_id
        # Where nothing tells which looks count, none is cut off.
        known = None if size_before is None else size_before if same_run else 0
        size = self._add(state, seen, known) if state is not None else 0
        kept = Kept(seq=seq, state=state, before=before, size=size, size_before=size_before or 0)
        replace_file(self.path, dump_kept(kept))
        if not same_run:
            self._forget_all_but(state, before)

    def _before(self, seq: int, *, urgent: bool) -> tuple[RolloutState | None, int | None]:
        try:
            return self.read(seq)
        except OutsideError:
            if not urgent:
                raise
            return None, None

    def observations(self, state: RolloutState) -> tuple[Observation, ...]:
        """Return the looks of a rollout. Raises `CorruptState`."""
        path = self._looks(state)
        try:
            text = path.read_text(encoding="utf-8") if state.looks else ""
        except (OSError, UnicodeDecodeError) as problem:
            raise CorruptState(f"{path} cannot be read: {problem}.", cure=CURE) from problem
        return load_looks(text, state.looks, str(path), cure=CURE)

    def _looks(self, state: RolloutState) -> Path:
        run = hashlib.sha256(state.run_id.encode()).hexdigest()[:12]
        return self._base.with_name(f"{self._base.name}.looks-{run}.jsonl")

    def _add(self, state: RolloutState, seen: Sequence[Observation], known: int | None) -> int:
        """Append looks behind the bytes that count; whatever lies there was never counted, and goes."""
        if not seen:
            return known or 0
        path, text = self._looks(state), "".join(map(dump_look, seen)).encode()
        try:
            fresh = not path.exists()
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
            with os.fdopen(handle, "r+b") as stream:
                with contextlib.suppress(PermissionError):  # another user of the group made it, and it is as it should
                    os.fchmod(handle, MODE)  # as the state beside it, whatever the umask says
                end = stream.seek(0, os.SEEK_END)
                size = end if known is None else known
                if end < size:
                    raise CorruptState(f"{path} is shorter than the {size} bytes that were recorded.", cure=CURE)
                stream.truncate(size)
                stream.seek(size)
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if fresh:
                sync_folder(path.parent)
        except OSError as problem:
            raise Refused(f"{path} cannot be written: {problem}.", cure="The folder must be writable.") from problem
        return size + len(text)

    def _forget_all_but(self, *states: RolloutState | None) -> None:
        kept = {self._looks(state) for state in states if state is not None}
        for path in self._base.parent.glob(f"{glob.escape(self._base.name)}.looks-*.jsonl"):
            if path not in kept:
                with contextlib.suppress(OSError):  # one that stays costs space, and no write
                    path.unlink()


def sync_folder(path: Path) -> None:
    """Have a folder's names on the disk: a power cut may else take a new file's name, or bring the old file back."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, text: str) -> None:
    """Write beside and rename, so that a kill leaves the old or the new file, never half of one."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else MODE
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(text)
                stream.flush()
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            Path(name).replace(path)
            sync_folder(path.parent)
        finally:
            Path(name).unlink(missing_ok=True)  # on a full disk every try would leave one more
    except OSError as problem:
        raise Refused(f"{path} cannot be written: {problem}.", cure="The folder must be writable.") from problem
