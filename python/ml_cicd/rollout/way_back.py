"""How traffic gets to where a rollback goes: safest first, a running canary loses its traffic before all else."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.ground.errors import Conflict
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.aim import Aim
from ml_cicd.rollout.events import Ended, Event, Reverted, Rewritten
from ml_cicd.rollout.history import known_digest
from ml_cicd.rollout.machine import Operations, Where, step
from ml_cicd.rollout.operations import DeploySlot, SetSplit
from ml_cicd.rollout.state import Identity, Phase, RolloutState, RouterView


@dataclass(frozen=True, kw_only=True, slots=True)
class WayBack:
    """What brings traffic to the aim: `deploys` says that a slot must be filled first, which takes minutes.

    `forced` says what was taken for granted, because nobody could verify it, and `stops` which rollout ends by it.
    """

    operations: Operations
    slot: str
    deploys: bool
    forced: str = ""
    stops: str = ""

    @property
    def writes(self) -> int:
        """How many writes the router is to take; none where the aim serves alone already."""
        return sum(isinstance(operation, SetSplit) for operation in self.operations)


def way_back(
    aim: Aim, where: Where, view: RouterView, identities: Mapping[str, Identity], *, reason: str = ""
) -> WayBack:
    """Return the operations that make the aim serve; `reason` is what somebody gave for it.

    Raises:
        Conflict: that needs the idle slot, into which a canary is deploying at this moment.
    """
    split, release, ends = where.split, aim.release, _stopped(where)
    opened = where.state is not None and where.state.open
    stops = split.threshold > 0 or opened
    # A state that does not belong to what serves is no reason to let it serve: only the slot's own word is.
    stays = not view.unsaved and _stays(release, where.state)
    serves = _serves(release, identities.get(split.serving))
    left = _held(split.serving, identities)
    if not left and where.state is not None and not view.unsaved:
        left = where.state.serving  # it does not say so itself, now
    if serves or stays:
        write: Operations = ()
        if stops:
            halts = opened and _stays(release, where.state)
            left = _held(split.idle, identities)
            _, write = step(
                where, Reverted(to=release, swap=False, stays=halts, left=left, answers=serves, reason=reason)
            )
        elif view.unsaved:
            _, write = step(where, _kept(release, where, identities, reason))
        fill = not serves and bool(release.digest)
        deploy = (_deploy(where, release, split.serving),) if fill else ()
        return WayBack(operations=(*write, *deploy), slot=split.serving, deploys=fill, stops=ends)
    if view.claimed and view.state is not None:
        raise Conflict(
            f"A canary is deploying version {view.state.candidate.version} into slot {split.idle}, which this needs.",
            cure=f"Cancel its run, which frees the slot at once, and run this again; if that run is dead, its claim "
            f"ends in {int(split.lease - view.now)} s.",
        )
    first: Operations = ()
    deploys = not _serves(release, identities.get(split.idle))
    if deploys:
        # The hook takes minutes: a canary that still has traffic must not keep it for as long.
        if stops:
            where, first = step(where, Ended(reason="stopped for a rollback"))
        first = (*first, _deploy(where, release, split.idle))
    _, swap = step(where, Reverted(to=release, swap=True, stays=False, left=left, reason=reason))
    return WayBack(operations=(*first, *swap), slot=split.idle, deploys=deploys, stops=ends)


def _kept(release: Release, where: Where, identities: Mapping[str, Identity], reason: str) -> Event:
    """Return what writes the files again: as they were, unless they tell of another champion than the one that serves,
    which is what an urgent write leaves that could not be kept.
    """
    if where.state is None or _stays(release, where.state):
        return Rewritten()
    left = _held(where.split.idle, identities)
    return Reverted(to=release, swap=False, stays=False, left=left, reason=reason)


def _held(slot: str, identities: Mapping[str, Identity]) -> Release:
    """Return what a slot says that it holds; nothing where it does not say."""
    return identities[slot].release if slot in identities else NOTHING


def _stopped(where: Where) -> str:
    state, split = where.state, where.split
    if state is None or not state.open or not split.lease:
        return ""  # without a lease an earlier write has stopped it, of which the files do not know yet
    version = state.candidate.version
    if state.phase is Phase.DEPLOYING:
        return f"the deployment of version {version} into slot {split.idle}"
    return f"the canary of version {version}"


def forced(
    aim: Aim, where: Where, view: RouterView, identities: Mapping[str, Identity], *, reason: str = ""
) -> WayBack:
    """Return how the aim serves by what was last known of the slots, where their own word says otherwise or nothing.

    What a slot says is believed where it says the aim. Else the state tells which slot holds it, and where it tells
    nothing it is the idle one: somebody wants to get away from what serves. A slot that a canary holds is never it.
    """
    found = way_back(aim, where, view, identities, reason=reason)
    slot = _last_seen(aim.release, where, view, identities)
    if not found.deploys or not slot:
        return found
    says = identities[slot].says() if slot in identities else f"nobody asked slot {slot}"
    known = replace(aim, release=_last_known(aim.release, where.state))
    believed = {**identities, slot: Identity(slot=slot, release=known.release)}
    found = way_back(known, where, view, believed, reason=reason)
    return replace(found, forced=f"that slot {slot} holds it ({says})")


def _last_seen(release: Release, where: Where, view: RouterView, identities: Mapping[str, Identity]) -> str:
    """Return the slot that held the release when it was last known; nothing where a canary took its place."""
    state, split = where.state, where.split
    if state is None or view.unsaved:
        if state is not None and state.open:
            return ""
        idle = identities.get(split.idle)
        # A second run must not undo the first: not where one slot says another version, not where both are silent.
        stays = split.went_to(release.version) or (idle is not None and not idle.problem)
        return split.serving if stays else split.idle
    if release.version == state.serving.version:
        return split.serving
    return split.idle if not state.open and release.version == state.idle.version else ""


def _last_known(release: Release, state: RolloutState | None) -> Release:
    return Release(version=release.version, digest=release.digest or known_digest(release.version, state))


def again_command(target: str, to: str, reason: str = "") -> str:
    """Return the command that finishes a rollback, with the reason that it was first given."""
    why = f" --reason {shlex.quote(reason)}" if reason else ""
    return f"ml-cicd rollback --target {target} --to {to}{why}"


def _serves(release: Release, identity: Identity | None) -> bool:
    return identity is not None and identity.is_release(release)


def _stays(release: Release, state: RolloutState | None) -> bool:
    """Whether the state says that the aim is the champion already, whatever its slot answers at this moment."""
    return state is not None and release.version == state.serving.version


def _deploy(where: Where, release: Release, slot: str) -> DeploySlot:
    serves = slot == where.split.serving
    return DeploySlot(slot=slot, model=where.place.model, release=release, serves=serves, waits=True)
