"""A router, slots and a clock in memory; the router passes the same contract as HAProxy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ml_cicd.domain.rollout import Counters, Identity, RolloutState, RouterView, Split
from ml_cicd.errors import Conflict, OutsideError

START = Split(champion="blue", candidate="green", threshold=0, lease=0, salt="none", seq=0)


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
    """ports.TrafficRouter in memory."""

    clock: FakeClock
    split: Split = START
    state: RolloutState | None = None
    served: dict[str, tuple[int, int]] = field(default_factory=lambda: {"blue": (0, 0), "green": (0, 0)})
    broken: bool = False
    log: list[str] = field(default_factory=list)

    def read(self) -> RouterView:
        """Read."""
        if self.broken:
            raise OutsideError("The router does not answer.", cure="Mend it.")
        return RouterView(split=self.split, state=self.state, now=self.clock.now())

    def write(self, split: Split, state: RolloutState | None, *, expect_seq: int) -> RouterView:
        """Write if the seq is the expected one."""
        self.read()
        if self.split.seq != expect_seq or split.seq <= self.split.seq:
            raise Conflict(f"seq is {self.split.seq}, not {expect_seq}", cure="Mend it.")
        self.split, self.state = split, state
        self.log.append(split.encode())
        return self.read()

    def counters(self) -> Mapping[str, Counters]:
        """Count."""
        self.read()
        return {slot: Counters(requests=n, errors=x, epoch="1") for slot, (n, x) in self.served.items()}

    def serve(self, slot: str, requests: int, errors: int) -> None:
        """Let a slot serve."""
        n, x = self.served[slot]
        self.served[slot] = (n + requests, x + errors)


@dataclass
class FakeSlots:
    """ports.SlotHost in memory."""

    holds: dict[str, tuple[str, str]] = field(default_factory=dict)
    deployed: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def identify(self, slot: str) -> Identity:
        """Say who a slot is."""
        if slot not in self.holds:
            return Identity(slot=slot, problem="empty")
        return Identity(slot=slot, version=self.holds[slot][0], digest=self.holds[slot][1])

    def deploy(self, slot: str, *, model: str, version: str, digest: str) -> Identity:
        """Fill a slot."""
        if self.broken:
            raise OutsideError(f"The deploy hook for {model} failed.", cure="Mend it.")
        self.holds[slot] = (version, digest)
        self.deployed.append((slot, version))
        return self.identify(slot)
