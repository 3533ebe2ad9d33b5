"""The outside as a few fields: a clock, a router that judges leases by it, two slots, counters, and the record.

What the router keeps is three things that a kill can leave apart, as with HAProxy (`rollout/routers/haproxy.py`): the
value in memory, which serves; the map file; and the state file, which keeps the state before the last write too.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ml_cicd.ground.errors import Conflict, CorruptState, Refused
from ml_cicd.registry.ledger import LedgerEntry
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.state import LONGEST_LEASE_SECONDS, Observation, RolloutState, RouterView, Split

RATE = 100
BEGINNING = 1_000_000.0
TURNS_BAD = 2000  # the share from which a candidate of the late kind fails
CURE = "Mend it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The state file: what was written for a seq, and what was there before. `size` counts looks."""

    seq: int = 0
    state: RolloutState | None = None
    before: RolloutState | None = None
    size: int = 0
    size_before: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a write to the router asks for (rollout.ports.TrafficRouter.set_split)."""

    split: Split
    state: RolloutState | None
    expect_seq: int
    seen: tuple[Observation, ...]
    urgent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a write replaces: the state in force, how many looks belong to it, and those of this very rollout."""

    before: RolloutState | None = None
    size: int = 0
    looks: tuple[Observation, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One write that memory has taken. `looks` are all of its rollout that count."""

    before: Split
    share_before: int
    state_before: RolloutState | None
    split: Split
    state: RolloutState | None
    looks: tuple[Observation, ...]


@dataclass
class Model:
    """All of the outside. `run` names the rollout that wrote memory last, and `served` counts (candidate's, champion's)
    requests by it and by the share that was in force: the truth that recorded evidence is held to.
    """

    now: float = BEGINNING
    memory: Split = Split(serving="blue", idle="green")  # noqa: RUF009  # frozen
    on_disk: Split = Split(serving="blue", idle="green")  # noqa: RUF009  # frozen
    kept: Kept = Kept()  # frozen
    run: str = ""
    looks: dict[str, list[Observation]] = field(default_factory=dict)
    holds: dict[str, Release] = field(default_factory=dict)
    filling: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=lambda: {"blue": 0, "green": 0})
    failures: dict[str, int] = field(default_factory=lambda: {"blue": 0, "green": 0})
    served: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    entries: tuple[LedgerEntry, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    quality: dict[str, str] = field(default_factory=dict)
    rate: int = RATE
    latest: float = BEGINNING
    full: bool = False
    away_until: float = 0.0
    record_away: bool = False

    def copied(self) -> "Model":
        """Return another one in the same state; what is frozen is shared."""
        other = copy.copy(self)
        other.looks = {run: list(seen) for run, seen in self.looks.items()}
        for name in ("holds", "filling", "held", "requests", "failures", "served", "aliases", "quality"):
            setattr(other, name, dict(getattr(self, name)))
        return other

    # Time and traffic

    def leased_seconds(self, seconds: float) -> float:
        """Return for how long of the next seconds the router honours the lease (examples/haproxy)."""
        left = self.memory.lease - self.now
        if left > LONGEST_LEASE_SECONDS + 1:  # a lease from before a clock was put back, until it is near enough
            waits = left - LONGEST_LEASE_SECONDS - 1
            return max(0.0, seconds - waits)
        return min(max(0.0, left), seconds)

    def share(self) -> int:
        """Return the idle slot's share in force."""
        return RouterView(split=self.memory, state=None, now=self.now).share

    def passes(self, seconds: float) -> None:
        """Let time go by: the router sends requests to both slots, and some of them fail."""
        split = self.memory
        leased = self.leased_seconds(seconds) if split.threshold else 0.0
        for part, threshold in ((leased, split.threshold), (seconds - leased, 0)):
            if part <= 0:
                continue
            both = round(self.rate * part)
            candidate = round(both * threshold / 10_000)
            self._served(split.idle, candidate, threshold)
            self._served(split.serving, both - candidate, threshold)
            n, m = self.served.get((self.run, threshold), (0, 0))
            self.served[self.run, threshold] = (n + candidate, m + both - candidate)
        self.now = round(self.now + seconds, 3)
        self.latest = max(self.latest, self.now)

    def _served(self, slot: str, requests: int, threshold: int) -> None:
        self.requests[slot] += requests
        held = self.holds.get(slot)
        kind = self.quality.get(held.version, "good") if held is not None else "bad"
        if kind == "bad" or (kind == "late" and threshold >= TURNS_BAD):
            self.failures[slot] += requests

    # The router

    def in_force(self) -> tuple[RolloutState | None, int]:
        """Return the state in force, and how many looks belong to it."""
        kept, seq = self.kept, self.memory.seq
        if kept.seq == seq:
            return kept.state, kept.size
        if kept.seq == seq + 1:
            return kept.before, kept.size_before
        raise CorruptState(f"seq {seq}, and the state is of {kept.seq}", cure=CURE)

    def doubts(self) -> str:
        """Say how the files differ from what serves; nothing where they agree."""
        if self.on_disk != self.memory and self.on_disk.seq != self.memory.seq + 1:
            return "The map file says something else."
        try:
            self.in_force()
        except CorruptState as problem:
            return problem.what
        return ""

    def view(self, *, urgent: bool) -> RouterView:
        """Return what the router says."""
        doubts = self.doubts()
        if not doubts:
            return RouterView(split=self.memory, state=self.in_force()[0], now=self.now)
        if not urgent:
            raise CorruptState(doubts, cure=CURE)
        return RouterView(split=self.memory, state=self.kept.state, now=self.now, unsaved=doubts)

    def write(self, wanted: Wanted, *, inside: Callable[[], None], told: Callable[[Write], None]) -> RouterView:
        """Write as the real one does; `inside` is called between two of its parts, where a kill may come."""
        if self.memory.seq != wanted.expect_seq or wanted.split.seq <= self.memory.seq:
            raise Conflict(f"seq is {self.memory.seq}, not {wanted.expect_seq}", cure=CURE)
        found = self._found(wanted)
        if wanted.urgent:
            told(self._in_memory(wanted, found))
            inside()
            if not self.full:
                self._write_files(wanted, found, inside)
            return replace(self._written(wanted), unsaved="The disk is full." if self.full else "")
        if self.full:
            raise Refused("The disk is full.", cure=CURE)
        self._write_files(wanted, found, inside)
        inside()
        told(self._in_memory(wanted, found))
        return self._written(wanted)

    def _written(self, wanted: Wanted) -> RouterView:
        return RouterView(split=wanted.split, state=wanted.state, now=self.now)

    def _found(self, wanted: Wanted) -> Found:
        """Return what is replaced. Where nobody can tell which looks count, an urgent write cuts none off."""
        state, doubts = wanted.state, self.doubts()
        if doubts and not wanted.urgent:
            raise CorruptState(doubts, cure=CURE)
        try:
            before, size = self.in_force()
        except CorruptState:
            return Found(looks=tuple(self.looks.get(state.run_id, ())) if state is not None else ())
        same = state is not None and before is not None and before.run_id == state.run_id
        looks = tuple(self.looks.get(state.run_id, ())[:size]) if same and state is not None else ()
        return Found(before=before, size=size, looks=looks)

    def _in_memory(self, wanted: Wanted, found: Found) -> Write:
        write = Write(
            before=self.memory,
            share_before=self.share(),
            state_before=found.before,
            split=wanted.split,
            state=wanted.state,
            looks=(*found.looks, *wanted.seen),
        )
        self.memory = wanted.split
        self.run = wanted.state.run_id if wanted.state is not None else ""
        return write

    def _write_files(self, wanted: Wanted, found: Found, inside: Callable[[], None]) -> None:
        state = wanted.state
        if state is not None:
            self.looks[state.run_id] = [*found.looks, *wanted.seen]
        inside()
        size = len(found.looks) + len(wanted.seen)
        self.kept = Kept(seq=wanted.split.seq, state=state, before=found.before, size=size, size_before=found.size)
        needed = {known.run_id for known in (state, found.before) if known is not None}
        self.looks = {run: seen for run, seen in self.looks.items() if run in needed}
        inside()
        self.on_disk = wanted.split
