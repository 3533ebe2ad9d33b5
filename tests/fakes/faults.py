"""Faults for the world in memory at the k-th call: a system that fails once, a process that is cancelled or killed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from ml_cicd.ground.errors import Unreachable
from tests.fakes.world import FakeWorld


class Kill(BaseException):
    """A process that ends here: nothing that it would do afterwards happens."""


class Fault(StrEnum):
    """What happens at a call."""

    BEFORE = "fails before it has an effect"
    AFTER = "has its effect, and then fails"
    CANCEL_BEFORE = "the run is cancelled before it"
    CANCEL_AFTER = "the run is cancelled after it"
    KILL_BEFORE = "the process is killed before it"
    KILL_AFTER = "the process is killed after it"


CALLS = {
    "fake_router": ("read", "set_split", "observations"),
    "fake_source": ("read",),
    "fake_ledger": ("read", "append_entry"),
    "fake_registry": ("snapshot", "set_alias"),
    "fake_slots": ("deploy", "identify"),
    "fake_clock": ("sleep",),
}


@dataclass
class Faults:
    """Counts the calls of a command and makes one of them go wrong."""

    world: FakeWorld
    at: int = -1
    fault: Fault = Fault.BEFORE
    calls: int = 0
    dead: bool = False
    _real: list[tuple[Any, str, Callable[..., Any]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Stand between the command and the world."""
        for part, names in CALLS.items():
            owner = getattr(self.world, part)
            for name in names:
                real = getattr(owner, name)
                self._real.append((owner, name, real))
                setattr(owner, name, self._wrapped(real))
        return self

    def __exit__(self, *_: object) -> None:
        """Step aside."""
        for owner, name, _real in self._real:
            delattr(owner, name)

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Kill
            self.calls += 1
            hit = self.calls - 1 == self.at
            self.dead = hit and self.fault in {Fault.KILL_BEFORE, Fault.KILL_AFTER}
            if hit and self.fault is Fault.KILL_BEFORE:
                raise Kill
            if hit and self.fault is Fault.CANCEL_BEFORE:
                raise KeyboardInterrupt
            if hit and self.fault is Fault.BEFORE:
                raise Unreachable("It does not answer.", cure="Start it.")
            answer = real(*arguments, **named)
            if hit and self.fault is Fault.KILL_AFTER:
                raise Kill
            if hit and self.fault is Fault.CANCEL_AFTER:
                raise KeyboardInterrupt
            if hit and self.fault is Fault.AFTER:
                raise Unreachable("It did not say whether it worked.", cure="Look.")
            return answer

        return call
