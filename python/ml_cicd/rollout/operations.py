"""Effects on traffic and slots."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ml_cicd.ground.errors import Conflict, OutsideError
from ml_cicd.ground.operation import Done, Receipt
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.ports import SlotHost, TrafficRouter
from ml_cicd.rollout.state import Identity, Observation, RolloutState, RouterView, Split

HELD_SECONDS = 360.0  # what another run's hook and its slot's answer may take
NOT_ON_DISK = "The new split is not on disk, a reload would undo it"


class Traffic(Protocol):
    """What these operations reach."""

    @property
    def router(self) -> TrafficRouter:
        """The router."""

    @property
    def slots(self) -> SlotHost:
        """The slots."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSplit:
    """Write the router's value and the rollout's state; fails when its seq is no longer `expect_seq`.

    `seen` is what was observed since the last write of this rollout. An `urgent` one takes traffic back: it moves
    traffic whatever state the files beside the router are in.
    """

    target: str
    split: Split
    state: RolloutState | None
    expect_seq: int
    seen: tuple[Observation, ...] = ()
    urgent: bool = False

    def describe(self) -> str:
        """Say it."""
        split = self.split
        return f"Route {self.target}: champion {split.serving}, {split.percent} to {split.idle}"

    def perform(self, doors: Traffic) -> Done[RouterView]:
        """Do it. Where the answer got lost, look whether the write took effect before calling it a failure."""
        try:
            view = doors.router.set_split(
                self.split, self.state, expect_seq=self.expect_seq, seen=self.seen, urgent=self.urgent
            )
        except Conflict:
            raise
        except OutsideError:
            view = doors.router.read(urgent=self.urgent)
            if view.split != self.split:
                raise
        split = view.split
        result = f"slot {split.serving} serves, {split.percent} to {split.idle} (seq {split.seq})"
        left = f"{NOT_ON_DISK}: {view.unsaved}" if view.unsaved else ""
        return Done(what=self.describe(), result=result, changed=True, value=view, left=left)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploySlot:
    """Make a slot hold a release: run the deploy hook, then check the slot's identity.

    `serves`: it may be the slot that gets the traffic. Any other one must have none when the hook begins, and no canary
    but the one of `owner`. Nobody else fills it meanwhile; `waits`: who does so already is waited for.
    """

    slot: str
    model: str
    release: Release
    serves: bool = False
    waits: bool = False
    owner: str = ""

    def describe(self) -> str:
        """Say it."""
        return f"Deploy {self.model} version {self.release.version} into slot {self.slot}"

    def perform(self, doors: Traffic) -> Done[Identity]:
        """Do it, unless the slot is that release already. Raises `Conflict` where somebody else uses it."""
        # Held before it is asked: a slot answers with its old name until somebody else's hook is through.
        with doors.router.hold(self.slot, seconds=HELD_SECONDS if self.waits else 0.0):
            there = doors.slots.identify(self.slot)
            if there.release == self.release:
                return Done(what=self.describe(), result="was there already", changed=False, value=there)
            if not self.serves:
                self._check_free(doors.router.read(urgent=True))
            now = doors.slots.deploy(self.slot, model=self.model, release=self.release)
        return Done(what=self.describe(), result=f"slot says version {now.release.version}", changed=True, value=now)

    def _check_free(self, view: RouterView) -> None:
        state = view.state
        # Also where its lease has ended: its process may be late, and alive. Of what is not saved nobody can tell.
        taken = not view.unsaved and state is not None and state.open and state.owner != self.owner
        if view.split.serving == self.slot or view.share or taken:
            what = "is a canary's" if taken else "has traffic"
            raise Conflict(
                f"Slot {self.slot} {what} by now, so version {self.release.version} is not deployed there.",
                cure="Another run came in between; run `ml-cicd status` to see what serves.",
            )


def to_finish(receipt: Receipt) -> str:
    """Return what finishes what a receipt leaves to do; nothing where nothing is left."""
    if not receipt.cures:
        return ""
    unsaved = any(view.unsaved for view in receipt.values(RouterView))
    first = f"{NOT_ON_DISK}. Make the map's folder writable, then finish with: " if unsaved else "To finish: "
    return first + "; ".join(receipt.cures)


Say = Callable[[str], None]
