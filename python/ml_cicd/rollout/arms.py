"""What has to be true of the two slots while they are compared."""

from collections.abc import Mapping

from ml_cicd.ground.errors import IntegrityError, OutsideError, Unreachable
from ml_cicd.rollout.machine import Where
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.state import Counters, Split

DRAIN_SECONDS = 60.0
DRAIN_PAUSE_SECONDS = 0.2


def check_arms(site: Site, where: Where, *, must_answer: bool = False) -> None:
    """Check that both slots still serve the versions that are compared.

    With `must_answer` the candidate has to say so itself. A champion that is dead keeps nobody from the candidate.

    Raises:
        IntegrityError: a slot says that it serves something else. Unreachable: the candidate's says nothing.
    """
    state, split = where.running, where.split
    expected = {split.idle: state.candidate, split.serving: state.champion}
    for slot, found in site.identities().items():
        release = expected[slot]
        if found.problem and must_answer and slot == split.idle:
            raise Unreachable(
                f"Slot {slot} should serve version {release.version}: {found.problem}", cure="Look at its log."
            )
        if not found.problem and found.release != release:
            now = found.release
            raise IntegrityError(
                f"Slot {slot} now serves version {now.version} with {now.digest[:19]}, not version {release.version}.",
                cure="Somebody deployed into it while the canary ran. Find out who, then run the canary again.",
            )


def drain(site: Site, slot: str) -> None:
    """Wait until the router reaches a slot that was just filled, and until no request is open that began before.

    Both would be failures of the release that are not its own: a health check lags behind a slot that has just started.

    Raises:
        Unreachable: not so after a minute.
    """
    until = site.clock.now() + DRAIN_SECONDS
    while (found := site.source.read()[slot]).open or not found.reachable:
        if site.clock.now() >= until:
            raise _not_drained(slot, found)
        site.clock.sleep(DRAIN_PAUSE_SECONDS)


def is_down(split: Split, counters: Mapping[str, Counters]) -> bool:
    """Whether the router cannot reach the slot that serves."""
    return split.serving in counters and not counters[split.serving].reachable


def deputises(split: Split, counters: Mapping[str, Counters]) -> bool:
    """Whether the idle slot answers for the one that serves, which is down."""
    idle = counters.get(split.idle)
    alive = idle is not None and idle.reachable and idle.away is not None
    return is_down(split, counters) and alive and not split.left


def down_words(split: Split, counters: Mapping[str, Counters]) -> str:
    """Say that the slot that serves is down, and who answers in its place; nothing where it can be reached."""
    if not is_down(split, counters):
        return ""
    who = f"slot {split.idle} answers its users" if deputises(split, counters) else "nobody answers its users"
    return f"Slot {split.serving}, which serves, is down: {who}."


def counters_of(site: Site) -> Mapping[str, Counters]:
    """Read what the router counts; nothing where it does not answer now, since whoever asks goes on all the same."""
    try:
        return site.source.read()
    except OutsideError:
        return {}


def _not_drained(slot: str, found: Counters) -> Unreachable:
    if not found.reachable:
        return Unreachable(
            f"The router's health check does not reach slot {slot}, which says who it is.",
            cure="Compare the slot's address in the router's configuration with targets.<name>.slots.",
        )
    return Unreachable(
        f"Slot {slot} still has {found.open} requests open that began before the candidate was deployed.",
        cure="Let the deploy hook end the old process, or wait until they end; then run the canary again.",
    )
