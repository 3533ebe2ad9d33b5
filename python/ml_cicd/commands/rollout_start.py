"""How a rollout begins: the first release, a promotion to finish, or the first share of a candidate."""

import hashlib
from dataclasses import asdict, replace

from ml_cicd.apply import apply
from ml_cicd.commands.rollout import Rollout
from ml_cicd.commands.traffic import Stage, ledger_entry
from ml_cicd.decide.canary import Plan, forecast, no_evidence
from ml_cicd.domain.model import CHAMPION, TAG_GATE_DIGEST, Ledger, LedgerOp, ModelVersion
from ml_cicd.domain.operation import AppendLedger, DeploySlot, Operation, Receipt, SetAlias, SetSplit
from ml_cicd.domain.policy import WhenNoChampion
from ml_cicd.domain.rollout import Phase, RolloutState, RouterView
from ml_cicd.domain.verdict import canonical_digest
from ml_cicd.errors import InputError, IntegrityError

FIRST_RELEASE = "first release: there was no champion"


def first_release(stage: Stage, view: RouterView, candidate: ModelVersion, ledger: Ledger) -> tuple[Operation, ...]:
    """Return what makes the first version serve: there is nobody to compare it with, and the configuration says so.

    Raises:
        InputError: the configuration does not allow a first release.
    """
    gate = stage.config.gate
    if gate is None or gate.when_no_champion != WhenNoChampion.FIRST_RELEASE:
        raise InputError(
            f"{stage.model} has no champion, so there is nothing to compare version {candidate.number} with.",
            cure="For a first release set gate.when_no_champion: first_release in the configuration.",
        )
    reason = FIRST_RELEASE
    state = replace(
        fresh_state(stage, view, candidate, None), phase=Phase.PROMOTED, reason=reason, standby="", standby_digest=""
    )
    split = replace(view.split, threshold=0, lease=0, salt="none", seq=view.split.seq + 1)
    entry = ledger_entry(
        stage,
        ledger,
        LedgerOp.PROMOTE,
        champion=candidate.number,
        candidate=candidate.number,
        reason=reason,
        verdict_digest=candidate.tags.get(TAG_GATE_DIGEST, ""),
    )
    return (
        DeploySlot(
            target=stage.target.name,
            slot=split.champion,
            model=stage.model,
            version=candidate.number,
            digest=candidate.digest,
        ),
        AppendLedger(name=stage.model, entry=entry),
        SetSplit(target=stage.target.name, split=split, state=state, expect_seq=view.split.seq),
        SetAlias(name=stage.model, alias=CHAMPION, version=candidate.number),
    )


def finish_promotion(stage: Stage, view: RouterView, candidate: ModelVersion) -> Receipt:
    """The ledger says that the candidate is champion: finish what an interrupted promotion left, or do nothing."""
    slots = stage.identities()
    serving, idle = slots[view.split.champion], slots[view.split.candidate]
    operations: tuple[Operation, ...] = ()
    if serving.version != candidate.number:
        if (idle.version, idle.digest) != (candidate.number, candidate.digest):
            raise IntegrityError(
                f"The ledger says that version {candidate.number} serves, but no slot holds it.",
                cure=f"Run `ml-cicd rollback --target {stage.target.name} --to {candidate.number}` to deploy it.",
            )
        split = replace(
            view.split,
            champion=view.split.candidate,
            candidate=view.split.champion,
            threshold=0,
            lease=0,
            salt="none",
            seq=view.split.seq + 1,
        )
        state = None if view.state is None else replace(view.state, phase=Phase.PROMOTED)
        operations = (SetSplit(target=stage.target.name, split=split, state=state, expect_seq=view.split.seq),)
    alias = SetAlias(name=stage.model, alias=CHAMPION, version=candidate.number)
    return apply((*operations, alias), stage.scene, again=f"ml-cicd canary --candidate {candidate.number}")


def begin(  # noqa: PLR0913  # everything a rollout needs to know at its start
    stage: Stage, plan: Plan, view: RouterView, candidate: ModelVersion, champion: ModelVersion | None, lease: float
) -> Rollout:
    """Check the champion's slot and fill the idle one. No traffic moves before the caller's first write."""
    if champion is None:
        raise IntegrityError(
            "The ledger's champion is not in the registry.", cure="Restore it, or roll back to another."
        )
    serving = stage.slots.identify(view.split.champion)
    if (serving.version, serving.digest) != (champion.number, champion.digest):
        says = serving.problem or f"it serves version {serving.version} ({serving.digest[:19]})"
        raise IntegrityError(
            f"Slot {view.split.champion} should serve version {champion.number} ({champion.digest[:19]}): {says}.",
            cure="Deploy the champion there again, then start the canary.",
        )
    deploy = DeploySlot(
        target=stage.target.name,
        slot=view.split.candidate,
        model=stage.model,
        version=candidate.number,
        digest=candidate.digest,
    )
    again = f"ml-cicd canary --target {stage.target.name} --candidate {candidate.number}"
    apply((deploy,), stage.scene, again=again)
    view = stage.router.read()
    state = replace(fresh_state(stage, view, candidate, champion), deadline=plan.deadline)
    salt = hashlib.sha256(state.run_id.encode()).hexdigest()[:8]
    split = replace(view.split, salt=salt)
    needs = ", ".join(f"{s / 100:g} %: {n:,}" for s, n in zip(plan.steps, forecast(plan, 0.01), strict=True))
    stage.world.progress.say(
        f"Version {candidate.number} over {champion.number}. Candidate requests needed at 1 % errors: {needs}."
    )
    return Rollout(stage=stage, plan=plan, split=split, state=state, evidence=no_evidence(plan), lease=lease)


def fresh_state(stage: Stage, view: RouterView, candidate: ModelVersion, champion: ModelVersion | None) -> RolloutState:
    """Return the state of a rollout that begins now."""
    standby = _standby_of(view)
    keep = standby if standby[0] != candidate.number else ("", "")
    return RolloutState(
        run_id=f"{stage.model}-{candidate.number}-{int(view.now)}",
        model=stage.model,
        candidate=candidate.number,
        candidate_digest=candidate.digest,
        champion=champion.number if champion else "",
        champion_digest=champion.digest if champion else "",
        standby=keep[0],
        standby_digest=keep[1],
        phase=Phase.RUNNING,
        step=0,
        started=view.now,
        deadline=stage.config.canary.deadline,
        reason="",
        plan_digest=plan_digest(stage),
    )


def _standby_of(view: RouterView) -> tuple[str, str]:
    """Return the version that the idle slot should hold while no rollout runs."""
    state = view.state
    if state is None:
        return "", ""
    if state.phase is Phase.PROMOTED:
        return state.champion, state.champion_digest
    return state.standby, state.standby_digest


def plan_digest(stage: Stage) -> str:
    """Return the digest of the canary's configuration, to notice a change half-way."""
    return canonical_digest(asdict(stage.config.canary))
