"""Where to roll back to, and in which order: traffic first, then the record, then the alias."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.domain.model import CHAMPION, Ledger, LedgerOp
from ml_cicd.domain.operation import DeploySlot, Operation, SetSplit
from ml_cicd.domain.rollout import Identity, Phase, RolloutState, RouterView, Split
from ml_cicd.errors import Conflict, InputError

PREVIOUS = "previous"
LAST_GOOD = "last-good"
STOPPED = "stopped version"
NAMES = (PREVIOUS, LAST_GOOD, CHAMPION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """A version to serve. `digest` is empty where only the registry knows it."""

    version: str
    digest: str
    why: str


def aim_from_router(to: str, state: RolloutState | None) -> Aim | None:
    """Read the aim off the state beside the router, which needs no registry; None where only the ledger can tell.

    Raises:
        InputError: there is no version before the one that serves.
    """
    if state is None or to not in NAMES:
        return None
    champion = Aim(version=state.champion, digest=state.champion_digest, why="it serves and stays")
    before = replace(champion, why="it served before the last promotion")
    standby = Aim(version=state.standby, digest=state.standby_digest, why="it served before the champion")
    table: dict[tuple[str, Phase], Aim] = {
        (PREVIOUS, Phase.DEPLOYING): standby,
        (PREVIOUS, Phase.RUNNING): replace(champion, why="the canary is stopped and the champion stays"),
        (PREVIOUS, Phase.PROMOTED): before,
        (PREVIOUS, Phase.ROLLED_BACK): standby,
        (PREVIOUS, Phase.HELD): standby,
        (PREVIOUS, Phase.REVERTED): replace(
            champion, why="it was rolled back to already; name a version to go further"
        ),
        (LAST_GOOD, Phase.DEPLOYING): champion,
        (LAST_GOOD, Phase.RUNNING): replace(champion, why="the canary is stopped and the champion stays"),
        (LAST_GOOD, Phase.PROMOTED): before,
        (LAST_GOOD, Phase.ROLLED_BACK): champion,
        (LAST_GOOD, Phase.HELD): champion,
        (LAST_GOOD, Phase.REVERTED): champion,
        (CHAMPION, Phase.DEPLOYING): champion,
        (CHAMPION, Phase.RUNNING): replace(champion, why="the canary is stopped and the champion stays"),
        (CHAMPION, Phase.PROMOTED): replace(champion, version=state.candidate, digest=state.candidate_digest),
        (CHAMPION, Phase.ROLLED_BACK): champion,
        (CHAMPION, Phase.HELD): champion,
        (CHAMPION, Phase.REVERTED): champion,
    }
    aim = table[to, state.phase]
    if not aim.version:
        raise InputError("There is no earlier version to roll back to.", cure="Name one: --to VERSION.")
    return aim


def aim_from_ledger(to: str, ledger: Ledger) -> Aim:
    """Read the aim off the ledger.

    `previous` is the champion before the last promotion, so that a second run changes nothing;
    `last-good` the newest champion that nobody ever rolled back from, the present one not counted when it came by
    promotion; `champion` the one that serves by the record.

    Raises:
        InputError: there is none.
    """
    if to not in NAMES:
        return Aim(version=to, digest="", why="it was asked for")
    if to == CHAMPION:
        found = ledger.champion
    else:
        found = _before_last_promotion(ledger) if to == PREVIOUS else _last_good(ledger)
    if not found:
        raise InputError(
            f"The ledger has no {to} version to roll back to.",
            cure="Run `ml-cicd status` to see the history and name a version: --to VERSION.",
        )
    return Aim(version=found, digest="", why=f"the ledger says it is the {to} one")


def _before_last_promotion(ledger: Ledger) -> str | None:
    champions: list[str] = []
    before = None
    for entry in ledger.entries:
        if entry.op is LedgerOp.PROMOTE:
            before = champions[-1] if champions else None
        champions.append(entry.champion)
    return before


def _last_good(ledger: Ledger) -> str | None:
    left: set[str] = set()
    order: list[str] = []
    for entry in ledger.entries:
        if entry.op is LedgerOp.ROLLBACK:
            left.add(entry.candidate)
        elif entry.op is LedgerOp.PROMOTE:
            left.discard(entry.champion)
            order.append(entry.champion)
    moves = [e for e in ledger.entries if e.op is not LedgerOp.REJECT]
    if moves and moves[-1].op is LedgerOp.PROMOTE:
        left.add(moves[-1].champion)
    return next((version for version in reversed(order) if version not in left), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrafficPlan:
    """What brings traffic to the aim: `deploys` says that a slot must be filled first, which takes minutes.

    `moves` is False when the aim serves alone already.
    """

    operations: tuple[Operation, ...]
    slot: str
    deploys: bool
    moves: bool


def plan_traffic(
    aim: Aim, view: RouterView, identities: Mapping[str, Identity], *, target: str, model: str
) -> TrafficPlan:
    """Return the operations that make `aim` serve, safest first: a running canary loses its traffic before all else.

    Raises:
        Conflict: that needs the idle slot, into which a canary is deploying at this moment.
    """
    split = view.split
    calm = Split(
        champion=split.champion, candidate=split.candidate, threshold=0, lease=0, salt="none", seq=split.seq + 1
    )
    stops = split.threshold > 0 or (view.state is not None and view.state.open)
    state = _reverted(aim, view, identities)
    if _serves(aim, identities.get(split.champion)) or _stays(aim, view.state):
        fill = not _serves(aim, identities.get(split.champion)) and bool(aim.digest)
        write = (SetSplit(target=target, split=calm, state=state, expect_seq=split.seq),) if stops else ()
        redeploy = (_deploy(aim, split.champion, target=target, model=model),) if fill else ()
        return TrafficPlan(operations=(*write, *redeploy), slot=split.champion, deploys=fill, moves=stops)
    if view.claimed and view.state is not None:
        raise Conflict(
            f"A canary is deploying version {view.state.candidate} into slot {split.candidate}, which this needs.",
            cure=f"Cancel its run, which frees the slot at once, and run this again; if that run is dead, its claim "
            f"ends in {int(split.lease - view.now)} s.",
        )
    first: tuple[Operation, ...] = ()
    seq = split.seq
    deploys = not _serves(aim, identities.get(split.candidate))
    if deploys:
        if stops:
            held = (
                None if view.state is None else replace(view.state, phase=Phase.HELD, reason="stopped for a rollback")
            )
            first = (SetSplit(target=target, split=calm, state=held, expect_seq=seq),)
            seq += 1
        first = (*first, _deploy(aim, split.candidate, target=target, model=model))
    swapped = Split(champion=split.candidate, candidate=split.champion, threshold=0, lease=0, salt="none", seq=seq + 1)
    swap = SetSplit(target=target, split=swapped, state=state, expect_seq=seq)
    return TrafficPlan(operations=(*first, swap), slot=split.candidate, deploys=deploys, moves=True)


def _serves(aim: Aim, identity: Identity | None) -> bool:
    if identity is None or identity.problem or identity.version != aim.version:
        return False
    return not aim.digest or identity.digest == aim.digest


def _stays(aim: Aim, state: RolloutState | None) -> bool:
    """Whether the state says that the aim is the champion already, whatever its slot answers at this moment."""
    if state is None:
        return False
    serving = state.candidate if state.phase is Phase.PROMOTED else state.champion
    return aim.version == serving


def _deploy(aim: Aim, slot: str, *, target: str, model: str) -> DeploySlot:
    return DeploySlot(target=target, slot=slot, model=model, version=aim.version, digest=aim.digest)


def _reverted(aim: Aim, view: RouterView, identities: Mapping[str, Identity]) -> RolloutState | None:
    """State after the rollback: the aim is champion, the other slot keeps what it holds.

    Where a canary is stopped, that is the standby which the candidate took the slot from.
    """
    state = view.state
    if state is None:
        return None
    standby, reason = (state.standby, state.standby_digest), f"{STOPPED} {state.candidate}"
    if not _stays(aim, state):
        left = identities.get(view.split.champion)
        standby = (left.version, left.digest) if left else ("", "")
        reason = f"rolled back to {aim.version}"
    digest = aim.digest or known_digest(aim.version, state)
    return replace(
        state,
        phase=Phase.REVERTED,
        champion=aim.version,
        champion_digest=digest,
        standby=standby[0],
        standby_digest=standby[1],
        reason=reason,
        counters=None,
    )


def rejected(state: RolloutState | None) -> str:
    """Return the candidate that lost its traffic in the last rollout, which the ledger must know; empty for none."""
    if state is None:
        return ""
    stopped = state.phase is Phase.REVERTED and state.reason == f"{STOPPED} {state.candidate}"
    return state.candidate if stopped or state.phase is Phase.ROLLED_BACK else ""


def turned_down_before(version: str, ledger: Ledger, state: RolloutState | None) -> str:
    """Return when and why the version lost its traffic, if that is the last that is known of it; else nothing."""
    if rejected(state) == version and state is not None:
        return f"was turned down in the last rollout: {state.reason}"
    last = next((e for e in reversed(ledger.entries) if e.candidate == version), None)
    if last is None or last.op is LedgerOp.PROMOTE:
        return ""
    return f"was turned down at {last.at}: {last.reason}"


def known_digest(version: str, state: RolloutState | None) -> str:
    """Return the digest of a version that the last rollout was about; empty where the state does not know it."""
    if state is None:
        return ""
    known = {state.candidate: state.candidate_digest, state.champion: state.champion_digest}
    return known.get(version, state.standby_digest if state.standby == version else "")
