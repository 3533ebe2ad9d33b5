"""Where a rollback goes."""

from dataclasses import dataclass, replace

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.ledger import Ledger, LedgerOp
from ml_cicd.registry.versions import CHAMPION, Release
from ml_cicd.rollout.state import Identity, Phase, RolloutState, RouterView

PREVIOUS = "previous"
LAST_GOOD = "last-good"
NAMES = (PREVIOUS, LAST_GOOD, CHAMPION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """A release to serve. Its digest is empty where only the registry knows it."""

    release: Release
    why: str


def aim_from_router(to: str, state: RolloutState | None) -> Aim | None:
    """Read the aim off the state beside the router, which needs no registry; None where only the ledger can tell.

    Raises:
        InputError: there is no version before the one that serves.
    """
    if state is None or to not in NAMES:
        return None
    champion = Aim(release=state.champion, why="it serves and stays")
    stopped = replace(champion, why="the canary is stopped and the champion stays")
    before = replace(champion, why="it served before the last promotion")
    standby = Aim(release=state.standby, why="it served before the champion")
    further = replace(champion, why="it was rolled back to already; name a version to go further")
    table: dict[tuple[str, Phase], Aim] = {
        (PREVIOUS, Phase.DEPLOYING): standby,
        (PREVIOUS, Phase.RUNNING): stopped,
        (PREVIOUS, Phase.PROMOTED): before,
        (PREVIOUS, Phase.ROLLED_BACK): standby,
        (PREVIOUS, Phase.HELD): standby,
        (PREVIOUS, Phase.REVERTED): further,
        (LAST_GOOD, Phase.DEPLOYING): champion,
        (LAST_GOOD, Phase.RUNNING): stopped,
        (LAST_GOOD, Phase.PROMOTED): before,
        (LAST_GOOD, Phase.ROLLED_BACK): champion,
        (LAST_GOOD, Phase.HELD): champion,
        (LAST_GOOD, Phase.REVERTED): champion,
        (CHAMPION, Phase.DEPLOYING): champion,
        (CHAMPION, Phase.RUNNING): stopped,
        (CHAMPION, Phase.PROMOTED): replace(champion, release=state.candidate),
        (CHAMPION, Phase.ROLLED_BACK): champion,
        (CHAMPION, Phase.HELD): champion,
        (CHAMPION, Phase.REVERTED): champion,
    }
    aim = table[to, state.phase]
    if not aim.release:
        raise InputError("There is no earlier version to roll back to.", cure="Name one: --to VERSION.")
    return aim


def aim_at_what_serves(to: str, view: RouterView, serving: Identity) -> Aim | None:
    """Read the champion off the slot that serves, where the files tell of what was before: traffic was taken back, and
    that could not be written. None where they tell of it, or only somebody's edit lets a candidate serve.
    """
    state, release = view.state, serving.release
    if to != CHAMPION or not view.unsaved or state is None or not release or release.version == state.serving.version:
        return None
    if state.open and release.version == state.candidate.version:
        return None
    return Aim(release=release, why="it serves and stays")


def aim_from_ledger(to: str, ledger: Ledger) -> Aim:
    """Read the aim off the ledger.

    `previous` is the champion before the last promotion, so that a second run changes nothing;
    `last-good` the newest champion that nobody ever rolled back from, the present one not counted when it came by
    promotion; `champion` the one that serves by the record.

    Raises:
        InputError: there is none.
    """
    if to not in NAMES:
        return Aim(release=Release(version=to), why="it was asked for")
    if to == CHAMPION:
        found = ledger.champion
    else:
        found = _before_last_promotion(ledger) if to == PREVIOUS else _last_good(ledger)
    if not found:
        raise InputError(
            f"The ledger has no {to} version to roll back to.",
            cure="Run `ml-cicd status` to see the history and name a version: --to VERSION.",
        )
    return Aim(release=Release(version=found), why=f"the ledger says it is the {to} one")


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
    moves = [e for e in ledger.entries if e.op.moves]
    if moves and moves[-1].op is LedgerOp.PROMOTE:
        left.add(moves[-1].champion)  # what serves now is no place to go back to
    return next((version for version in reversed(order) if version not in left), None)
