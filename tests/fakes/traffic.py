"""A router, a metric source, slots and a clock in memory; they pass the same contracts as the real things."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ml_cicd.ground.errors import Conflict, CorruptState, OutsideError
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.state import Counters, Identity, Observation, RolloutState, RouterView, Split

START = Split(serving="blue", idle="green")


@dataclass
class FakeClock:
    """Time that passes only when somebody sleeps; `each_second` is called as it does."""

    time: float = 1_000_000.0
    each_second: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Epoch seconds."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(max(1, round(seconds))):
            self.time += 1
            self.each_second()


@dataclass
class FakeRouter:
    """rollout.ports.TrafficRouter in memory."""

    clock: FakeClock
    split: Split = START
    state: RolloutState | None = None
    looks: dict[str, list[Observation]] = field(default_factory=dict)
    broken: bool = False
    log: list[str] = field(default_factory=list)
    full: bool = False
    unsaved: str = ""
    older: bool = False
    held: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def hold(self, slot: str, *, seconds: float = 0.0) -> Iterator[None]:
        """Hold it; whoever holds it already does so until somebody, e.g. at a second of the clock, lets go."""
        end = self.clock.now() + seconds
        while slot in self.held and self.clock.now() < end:
            self.clock.sleep(1)
        if slot in self.held:
            raise Conflict(f"Slot {slot} is held by {self.held[slot]}.", cure="Wait.")
        self.held[slot] = "this run"
        try:
            yield
        finally:
            del self.held[slot]

    def read(self, *, urgent: bool = False) -> RouterView:
        """Read; what is `unsaved` is an error where it is not urgent."""
        if self.broken:
            raise OutsideError("The router does not answer.", cure="Mend it.")
        if self.unsaved and not urgent:
            raise CorruptState(self.unsaved, cure="Mend it.")
        return RouterView(
            split=self.split, state=self.state, now=self.clock.now(), unsaved=self.unsaved, older=self.older
        )

    def set_split(
        self,
        split: Split,
        state: RolloutState | None,
        *,
        expect_seq: int,
        seen: Sequence[Observation] = (),
        urgent: bool = False,
    ) -> RouterView:
        """Write if the seq is right. On a `full` disk only an urgent write moves traffic; no state goes with it."""
        self.read(urgent=urgent)
        if self.full and not urgent:
            raise OutsideError("The disk is full.", cure="Mend it.")
        if self.split.seq != expect_seq or split.seq <= self.split.seq:
            raise Conflict(f"seq is {self.split.seq}, not {expect_seq}", cure="Mend it.")
        if split.serving != self.split.serving and split.serving in self.held:
            raise Conflict(f"Slot {split.serving} is held by {self.held[split.serving]}.", cure="Wait.")
        if state is not None:
            self.looks.setdefault(state.run_id, []).extend(seen)
        self.log.append(f"{split.serving}:{split.idle}:{split.threshold}:{split.lease}:{split.salt}:{split.seq}")
        self.split, self.unsaved, self.older = split, "The disk is full." if self.full else "", False
        if not self.full:
            self.state = state
        return RouterView(split=split, state=state, now=self.clock.now(), unsaved=self.unsaved)

    def observations(self, state: RolloutState) -> tuple[Observation, ...]:
        """Return what was seen."""
        self.read()
        found = self.looks.get(state.run_id, [])
        if len(found) < state.looks:
            raise CorruptState("Looks are missing.", cure="Mend it.")
        return tuple(found[: state.looks])


@dataclass
class FakeSource:
    """rollout.ports.MetricSource in memory: requests and failed requests by slot, how many are `open`, and how many of
    the failed ones another slot answered (`away`).
    """

    served: dict[str, tuple[int, int]] = field(default_factory=lambda: {"blue": (0, 0), "green": (0, 0)})
    broken: Callable[[], bool] = lambda: False
    reaches: Callable[[str], bool] = lambda _slot: True
    answers_for_another: bool = False
    open: dict[str, int] = field(default_factory=dict)
    away: dict[str, int] = field(default_factory=dict)

    def read(self) -> Mapping[str, Counters]:
        """Count."""
        if self.broken():
            raise OutsideError("The counters do not answer.", cure="Mend it.")
        return {
            slot: Counters(
                requests=n,
                events={"errors": x},
                epoch="1",
                open=self.open.get(slot),
                reachable=self.reaches(slot),
                away=self.away.get(slot, 0) if self.answers_for_another else None,
            )
            for slot, (n, x) in self.served.items()
        }

    def serve(self, slot: str, requests: int, errors: int) -> None:
        """Let a slot serve."""
        n, x = self.served[slot]
        self.served[slot] = (n + requests, x + errors)


@dataclass
class FakeSlots:
    """rollout.ports.SlotHost in memory."""

    holds: dict[str, Release] = field(default_factory=dict)
    deployed: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def identify(self, slot: str) -> Identity:
        """Say who a slot is."""
        if slot not in self.holds:
            return Identity(slot=slot, problem="empty")
        return Identity(slot=slot, release=self.holds[slot])

    def identify_all(self, slots: Sequence[str], *, enough: Release = NOTHING) -> Mapping[str, Identity]:
        """Ask one after the other."""
        return {slot: self.identify(slot) for slot in slots}

    def deploy(self, slot: str, *, model: str, release: Release) -> Identity:
        """Fill a slot."""
        if self.broken:
            raise OutsideError(f"The deploy hook for {model} failed.", cure="Mend it.")
        self.holds[slot] = release
        self.deployed.append((slot, release.version))
        return self.identify(slot)
