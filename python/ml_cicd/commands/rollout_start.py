"""How a rollout begins: the first release, a promotion to finish, or the first share of a candidate."""

import hashlib
import secrets
from dataclasses import asdict, replace

from ml_cicd.apply import apply
from ml_cicd.commands.rollout import Rollout, write
from ml_cicd.commands.traffic import Stage, ledger_entry
from ml_cicd.decide.canary import Plan, forecast, no_evidence
from ml_cicd.domain.model import TAG_GATE_DIGEST, Ledger, LedgerOp, ModelVersion
from ml_cicd.domain.operation import AppendLedger, DeploySlot, Operation, SetSplit
from ml_cicd.domain.policy import WhenNoChampion
from ml_cicd.domain.rollout import Identity, Phase, RolloutState, RouterView
from ml_cicd.domain.verdict import canonical_digest
from ml_cicd.errors import InputError, IntegrityError

CLAIM_SECONDS = 420.0  # longer than a deploy hook and the slot's answer may take
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
    serving = stage.slots.identify(view.split.champion)
    if serving.version not in {"", candidate.number}:
        raise InputError(
            f"Target {stage.target.name} has no champion in the ledger, but {_says(serving)}.",
            cure=f"Record it: `ml-cicd rollback --target {stage.target.name} --to {serving.version}`; then the canary "
            f"compares with it.",
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
        stage.champion_alias(candidate.number),
    )


def finish_promotion(stage: Stage, view: RouterView, candidate: ModelVersion) -> tuple[Operation, ...]:
    """Return what an interrupted promotion of the champion by the ledger left undone; at least its alias is checked.

    Raises:
        IntegrityError: another version serves, and it was no interrupted promotion that left it so.
    """
    slots = stage.identities()
    serving, idle = slots[view.split.champion], slots[view.split.candidate]
    operations: tuple[Operation, ...] = ()
    if serving.version != candidate.number:
        state = view.state
        interrupted = state is not None and (state.candidate, state.phase) == (candidate.number, Phase.HELD)
        if not interrupted or (idle.version, idle.digest) != (candidate.number, candidate.digest):
            raise IntegrityError(
                f"The ledger says that version {candidate.number} serves, but {_says(serving)}.",
                cure=f"Where that is right, e.g. after a rollback that could not be recorded, "
                f"`ml-cicd rollback --target {stage.target.name} --to champion` writes the record; else name the "
                f"version that must serve: --to {candidate.number}.",
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
        promoted = None if state is None else replace(state, phase=Phase.PROMOTED)
        operations = (SetSplit(target=stage.target.name, split=split, state=promoted, expect_seq=view.split.seq),)
    return (*operations, stage.champion_alias(candidate.number))


def _says(serving: Identity) -> str:
    return serving.problem or f"slot {serving.slot} serves version {serving.version}"


def begin(  # noqa: PLR0913  # everything a rollout needs to know at its start
    stage: Stage, plan: Plan, view: RouterView, candidate: ModelVersion, champion: ModelVersion | None, lease: float
) -> Rollout:
    """Check the champion's slot and say what the rollout will be. Nothing is written before `fill`."""
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
    state = replace(fresh_state(stage, view, candidate, champion), deadline=plan.deadline)
    salt = hashlib.sha256(state.run_id.encode()).hexdigest()[:8]
    split = replace(view.split, salt=salt)
    evidence = no_evidence(plan)
    return Rollout(stage=stage, plan=plan, split=split, state=state, evidence=evidence, lease=lease, owner=new_owner())


def new_owner() -> str:
    """Return a name for this process that no other one has."""
    return secrets.token_hex(8)


def fill(rollout: Rollout) -> Rollout:
    """Claim the idle slot, so that nobody routes traffic there meanwhile, and deploy the candidate into it.

    Raises:
        Conflict: somebody else wrote to the router first. OutsideError: the hook failed.
    """
    stage, state = rollout.stage, rollout.state
    claimed = write(replace(rollout, lease=CLAIM_SECONDS), threshold=0, state=state)
    deploy = DeploySlot(
        target=stage.target.name,
        slot=rollout.split.candidate,
        model=stage.model,
        version=state.candidate,
        digest=state.candidate_digest,
    )
    apply((deploy,), stage.scene, again=rollout.again)
    plan = rollout.plan
    needs = ", ".join(f"{s / 100:g} %: {n:,}" for s, n in zip(plan.steps, forecast(plan, 0.01), strict=True))
    stage.world.progress.say(
        f"Version {state.candidate} over {state.champion}. Candidate requests needed at 1 % errors: {needs}."
    )
    running = replace(claimed.state, phase=Phase.RUNNING, started=stage.router.read().now)
    return replace(claimed, lease=rollout.lease, state=running)


def fresh_state(stage: Stage, view: RouterView, candidate: ModelVersion, champion: ModelVersion | None) -> RolloutState:
    """Return the state of a rollout that begins now, with its claim on the idle slot."""
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
        phase=Phase.DEPLOYING,
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
