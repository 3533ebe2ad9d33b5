"""The seams of this wing. Domain types only; `OutsideError` or one of its children is all that a door lets out."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.state import Counters, Identity, Observation, RolloutState, RouterView, Split


class TrafficRouter(Protocol):
    """One router of one target, which keeps the rollout's state beside its split."""

    def read(self, *, urgent: bool = False) -> RouterView:
        """Read split, state and clock. Raises `CorruptState`, `Unreachable`.

        An `urgent` read is for taking traffic back: what is damaged beside the router is said in `unsaved`, not raised.
        """

    def set_split(
        self,
        split: Split,
        state: RolloutState | None,
        *,
        expect_seq: int,
        seen: Sequence[Observation] = (),
        urgent: bool = False,
    ) -> RouterView:
        """Change both at once, add what was `seen` since the last write, and read back.

        Costs the same however many observations there are. Raises `Conflict` when the seq is not `expect_seq`.
        An `urgent` write takes traffic back: it moves traffic first, and what cannot be kept is said in `unsaved`.
        A slot that another run holds is never made the one that serves: that is a `Conflict` too.
        """

    def hold(self, slot: str, *, seconds: float = 0.0) -> AbstractContextManager[None]:
        """Keep every other hook from a slot, and all traffic that it has not, until the block or this process ends.

        Raises `Conflict` where another run holds it for longer than so many seconds.
        """

    def observations(self, state: RolloutState) -> tuple[Observation, ...]:
        """Return the `state.looks` observations of a rollout, oldest first. Raises `CorruptState`."""


class MetricSource(Protocol):
    """What counts the requests of one target."""

    def read(self) -> Mapping[str, Counters]:
        """Return cumulative counters by slot, as a user or the proxy saw the requests."""


@runtime_checkable
class Witness(Protocol):
    """A metric source that also remembers single requests; a door may leave it out."""

    def examples(self, slot: str, *, since: float) -> tuple[str, ...]:
        """Return a slot's last request that failed since an epoch second, and the last that was refused, in words."""


class SlotHost(Protocol):
    """The places that serve models."""

    def identify(self, slot: str) -> Identity:
        """Ask a slot who it is; never raises, an unreachable slot has a `problem`."""

    def identify_all(self, slots: Sequence[str], *, enough: Release = NOTHING) -> Mapping[str, Identity]:
        """Ask slots at the same time; never raises. Once one says that it is `enough`, the others are not waited for
        longer than a moment.
        """

    def deploy(self, slot: str, *, model: str, release: Release) -> Identity:
        """Run the deploy hook and wait until the slot says it is that release. Raises `OutsideError`."""


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Epoch seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait; a cancelled run raises `KeyboardInterrupt` here, as everywhere."""
