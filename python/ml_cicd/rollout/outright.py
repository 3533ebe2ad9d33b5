"""What needs no evidence: a first release, and a promotion that is on record but half done."""

from ml_cicd.ground.errors import InputError, IntegrityError
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.versions import TAG_GATE_DIGEST, ModelVersion, Release
from ml_cicd.rollout.events import Finished, FirstReleased
from ml_cicd.rollout.machine import Operations, step
from ml_cicd.rollout.session import Session
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.state import Phase, RouterView


def first_release(
    session: Session, candidate: ModelVersion, ledger: Ledger, plan_digest: str, *, allowed: bool
) -> Operations:
    """Return what makes the first version serve: there is nobody to compare it with, and the configuration says so.

    Raises:
        InputError: the configuration does not allow a first release, or something serves that is on no record.
    """
    site, split = session.site, session.where.split
    if not allowed:
        raise InputError(
            f"{site.place.model} has no champion, so there is nothing to compare version {candidate.number} with.",
            cure="For a first release set gate.when_no_champion: first_release in the configuration.",
        )
    serving = site.slots.identify(split.serving)
    if serving.release.version not in {"", candidate.number}:
        target = site.place.target
        raise InputError(
            f"Target {target} has no champion in the ledger, but {serving.says()}.",
            cure=f"Record it: `ml-cicd rollback --target {target} --to {serving.release.version}`; then the canary "
            f"compares with it.",
        )
    event = FirstReleased(
        candidate=candidate.release,
        at=site.router.read().now,
        deadline_seconds=session.plan.deadline_seconds,
        plan_digest=plan_digest,
        ledger=ledger,
        author=site.author(),
        verdict_digest=candidate.tags.get(TAG_GATE_DIGEST, ""),
    )
    return step(session.where, event)[1]


def finish_promotion(session: Session, candidate: ModelVersion) -> Operations:
    """Return what an interrupted promotion of the champion by the ledger left undone; at least its alias is checked.

    Raises:
        IntegrityError: another version serves, and it was no interrupted promotion that left it so.
    """
    site, where = session.site, session.where
    slots = site.identities()
    serving, idle = slots[where.split.serving], slots[where.split.idle]
    if serving.release.version == candidate.number:
        return (site.place.alias_at(candidate.number),)
    state = where.state
    interrupted = state is not None and state.phase is Phase.HELD and state.candidate.version == candidate.number
    if not interrupted or idle.release != candidate.release:
        raise IntegrityError(
            f"The ledger says that version {candidate.number} serves, but {serving.says()}.",
            cure=f"Where that is right, e.g. after a rollback that could not be recorded, "
            f"`ml-cicd rollback --target {site.place.target} --to champion` writes the record; else name the "
            f"version that must serve: --to {candidate.number}.",
        )
    return step(where, Finished())[1]


def check_champion(site: Site, view: RouterView, version: str) -> Release:
    """Return the champion by the ledger, once the serving slot says that it is what the candidate is compared with.

    Raises:
        IntegrityError: it is not, or nobody can tell.
    """
    champion = site.snapshot().version(version)
    if champion is None:
        raise IntegrityError(
            "The ledger's champion is not in the registry.", cure="Restore it, or roll back to another."
        )
    serving = site.slots.identify(view.split.serving)
    if serving.release != champion.release:
        found = serving.release
        says = serving.problem or f"it serves version {found.version} ({found.digest[:19]})"
        raise IntegrityError(
            f"Slot {view.split.serving} should serve version {champion.number} ({champion.digest[:19]}): {says}.",
            cure="Deploy the champion there again, then start the canary.",
        )
    return champion.release
