"""What has to be true of the two slots while they are compared."""

from ml_cicd.ground.errors import IntegrityError, Unreachable
from ml_cicd.rollout.machine import Where
from ml_cicd.rollout.site import Site

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
    """Wait until a slot has no request open that began before its new release was there: they are not the release's.

    Raises:
        Unreachable: some are still open after a minute.
    """
    until = site.clock.now() + DRAIN_SECONDS
    while left := site.source.read()[slot].open:
        if site.clock.now() >= until:
            raise Unreachable(
                f"Slot {slot} still has {left} requests open that began before the candidate was deployed.",
                cure="Let the deploy hook end the old process, or wait until they end; then run the canary again.",
            )
        site.clock.sleep(DRAIN_PAUSE_SECONDS)
