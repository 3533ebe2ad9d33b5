"""Roll a version out: a small share first, more on evidence, all on proof, none at the first sign of harm."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ml_cicd.apply import apply, describe
from ml_cicd.commands.rollout import (
    TICK_DEADLINE,
    TICK_LEASE,
    Rollout,
    go_on,
    observe_once,
    promote,
    rebase,
    release,
    roll_back,
    run_to_end,
    served_details,
    take_up,
)
from ml_cicd.commands.rollout_report import going, plan_report, rollout_report, rollout_table, served_words
from ml_cicd.commands.rollout_start import (
    FIRST_RELEASE,
    begin,
    fill,
    finish_promotion,
    first_release,
    new_owner,
    plan_digest,
)
from ml_cicd.commands.traffic import Stage, open_stage
from ml_cicd.decide.canary import Plan, Transition, make_plan, replay
from ml_cicd.decide.rollback import turned_down_before
from ml_cicd.domain.config import CanaryConfig
from ml_cicd.domain.model import (
    CHALLENGER,
    TAG_GATE_VERDICT,
    Ledger,
    ModelVersion,
    RegistrySnapshot,
)
from ml_cicd.domain.operation import Operation
from ml_cicd.domain.report import Report
from ml_cicd.domain.rollout import Decision, Phase, RouterView
from ml_cicd.errors import Conflict, EvidenceError, InputError, IntegrityError, OutsideError
from ml_cicd.ports import World
from ml_cicd.spec import CommonInputs, option

TITLE = "Roll a registered version out on evidence."
OUTPUTS: Mapping[str, str] = {
    "decision": "promote, rollback, hold or inconclusive.",
    "share": "The candidate's share in percent at the end; 100 after promotion.",
    "rolled-back": "true when all traffic was taken back from the candidate.",
    "reason": "Why, in one sentence.",
}
ON_ERROR: Mapping[str, str] = {"rolled-back": "false"}
LONGEST_DEADLINE = 7 * 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `canary`."""

    candidate: str = option("Version or alias to roll out.", default=CHALLENGER)
    target: str = option("Name of the target in the configuration; empty when there is only one.")
    mode: str = option(
        "run: to the end; tick: one look, with the state kept beside the router.",
        default="run",
        choices=("run", "tick"),
    )
    deadline_minutes: str = option("Longest rollout in minutes; empty for the configuration's.")
    registry_uri: str = option("Registry; empty for the configuration's.")


def run(inputs: Inputs, world: World) -> Report:
    """Go on with a running rollout or begin one."""
    stage = open_stage(world, config=inputs.config, target=inputs.target, registry_uri=inputs.registry_uri)
    plan = make_plan(stage.config.canary, deadline=_deadline(inputs, stage.config.canary))
    lease = max(stage.config.canary.lease, TICK_LEASE) if inputs.mode == "tick" else stage.config.canary.lease
    view = stage.router.read()
    if view.state is not None and view.state.phase is Phase.RUNNING:
        rollout = _resume(inputs, stage, plan, view, lease)
        return plan_report(plan, "Would go on.") if inputs.dry_run else _drive(rollout, view, inputs.mode)
    if view.claimed and view.state is not None:
        left = int(view.split.lease - view.now)
        raise Conflict(
            f"Another run is deploying version {view.state.candidate} into slot {view.split.candidate}.",
            cure=f"Let it end, or cancel it; if it is dead, its claim ends in {left} s.",
        )
    snapshot, ledger = _registry(stage)
    candidate = _candidate(inputs.candidate, snapshot)
    if ledger.champion is None:
        operations = first_release(stage, view, candidate, ledger)
        return _at_once(stage, candidate, operations, FIRST_RELEASE, dry_run=inputs.dry_run)
    if ledger.champion == candidate.number:
        operations = finish_promotion(stage, view, candidate)
        reason = f"version {candidate.number} is the champion already"
        return _at_once(stage, candidate, operations, reason, dry_run=inputs.dry_run)
    turned_down = turned_down_before(candidate.number, ledger, view.state)
    if turned_down and inputs.candidate != candidate.number:
        return _not_again(inputs, candidate, turned_down)
    if inputs.dry_run:
        return plan_report(plan, f"Would roll out version {candidate.number} over {ledger.champion}.")
    rollout = begin(stage, plan, view, candidate, snapshot.version(ledger.champion), lease)
    return _drive(rollout, None, inputs.mode)


def _deadline(inputs: Inputs, config: CanaryConfig) -> float:
    text = inputs.deadline_minutes
    if not text:
        return max(config.deadline, TICK_DEADLINE) if inputs.mode == "tick" else config.deadline
    if not text.isdigit() or not 0 < int(text) <= LONGEST_DEADLINE:
        raise InputError(f"Input 'deadline-minutes' is {text!r}.", cure=f"Write minutes from 1 to {LONGEST_DEADLINE}.")
    return 60.0 * int(text)


def _registry(stage: Stage) -> tuple[RegistrySnapshot, Ledger]:
    return stage.world.registry(stage.scene.registry_uri).snapshot(stage.model), stage.ledger()


def _candidate(reference: str, snapshot: RegistrySnapshot) -> ModelVersion:
    found = snapshot.resolve(reference)
    if found is None:
        known = ", ".join([*snapshot.aliases, *(v.number for v in snapshot.versions)]) or "nothing"
        raise InputError(f"{snapshot.name} has no version or alias {reference!r}.", cure=f"It has: {known}.")
    if not found.digest or found.tags.get(TAG_GATE_VERDICT) != "pass":
        raise EvidenceError(
            f"Version {found.number} of {found.name} was not registered with a passing gate verdict.",
            cure="Register it with `ml-cicd register`.",
        )
    return found


def _at_once(
    stage: Stage, candidate: ModelVersion, operations: tuple[Operation, ...], reason: str, *, dry_run: bool
) -> Report:
    """Do what needs no evidence: there is nobody to compare with, or the promotion is on record already."""
    if dry_run:
        notes = tuple(f"Would: {describe(operation)}" for operation in operations)
        return replace(plan_report(None, f"Nothing to compare: {reason}."), notes=notes)
    receipt = apply(operations, stage.scene, again=f"ml-cicd canary --candidate {candidate.number}")
    return rollout_report(Decision.PROMOTE, "100", reason, receipt=receipt)


def _not_again(inputs: Inputs, candidate: ModelVersion, why: str) -> Report:
    """Say no to a version that an alias still names although it was turned down: a schedule would try it for ever.

    Raises:
        InputError: this is no tick, so somebody waits for the rollout.
    """
    what = f"{inputs.candidate} is version {candidate.number}, which {why}"
    cure = f"Register another version, or try it again by its number: --candidate {candidate.number}."
    if inputs.mode == "run":
        raise InputError(f"{what[0].upper()}{what[1:]}.", cure=cure)
    report = rollout_report(Decision.HOLD, "0", what, receipt=None)
    return replace(report, headline=f"Nothing to roll out: {what}.", notes=(cure,))


def _resume(inputs: Inputs, stage: Stage, plan: Plan, view: RouterView, lease: float) -> Rollout:
    state = view.state
    if state is None:  # the caller has looked
        raise InputError("There is no rollout to go on with.", cure="This is a bug; please report it.")
    name = f"The rollout of version {state.candidate} ({state.run_id})"
    stop = f"`ml-cicd rollback --target {stage.target.name} --to champion` ends it."
    if inputs.candidate not in {CHALLENGER, state.candidate} and not _names(inputs.candidate, stage, state.candidate):
        raise Conflict(f"{name} is not finished.", cure=f"Let it end first; {stop}")
    if inputs.mode == "run" and view.split.lease > view.now:
        left = int(view.split.lease - view.now)
        raise Conflict(
            f"{name} is being run by somebody else.", cure=f"Its lease ends in {left} s unless renewed; {stop}"
        )
    if state.plan_digest != plan_digest(stage):
        raise InputError(f"{name} began under another canary configuration.", cure=f"Put it back, or end it: {stop}")
    stage.world.progress.say(f"Going on with {name[4:]} at step {state.step + 1} of {len(plan.steps)}.")
    plan = replace(plan, deadline=state.deadline)
    evidence = replay(plan, state.observations)
    return Rollout(
        stage=stage, plan=plan, split=view.split, state=state, evidence=evidence, lease=lease, owner=new_owner()
    )


def _names(alias: str, stage: Stage, number: str) -> bool:
    found = stage.world.registry(stage.scene.registry_uri).snapshot(stage.model).resolve(alias)
    return found is not None and found.number == number


def _drive(rollout: Rollout, found: RouterView | None, mode: str) -> Report:
    """Look until the end, or once. `found` is what the router said of a rollout that another process began."""
    with _traffic_returns(rollout, always=mode == "run" or found is None):
        rollout = rebase(fill(rollout)) if found is None else take_up(rollout, found)
        if mode == "run":
            return _end(*run_to_end(rollout, rollout.stage.config.canary.interval))
        if found is None:
            return going(rollout, "the rollout has begun")
        rollout, transition = observe_once(rollout)
        if transition.decision in {Decision.HOLD, Decision.ADVANCE}:
            return going(go_on(rollout, transition), transition.reason)
        return _end(rollout, transition)


@contextmanager
def _traffic_returns(rollout: Rollout, *, always: bool) -> Iterator[None]:
    """Whatever interrupts a run, from its first write on, takes all traffic back before it is passed on.

    A tick that fails, and has not just begun the rollout, leaves it to the next one, unless a slot serves what nobody
    judged (`always` is False).
    """
    try:
        yield
    except BaseException as problem:
        stops = always or isinstance(problem, IntegrityError)
        if stops and release(rollout, f"stopped: {type(problem).__name__}"):
            rollout.stage.world.progress.say("Stopped: all traffic is back at the champion.")
        raise


def _taken_back(rollout: Rollout) -> str:
    try:
        release(rollout, "stopped: the router did not take the promotion")
    except OutsideError:
        return "the candidate's share ends with its lease"
    return "all traffic is at the champion"


def _end(rollout: Rollout, transition: Transition) -> Report:
    details = served_details(rollout)
    table = rollout_table(rollout)
    reason = f"{transition.reason} ({served_words(rollout)})"
    match transition.decision:
        case Decision.PROMOTE:
            receipt = promote(rollout, reason)
            if receipt.problem and not receipt.moves():
                back = _taken_back(rollout)
                reason = f"version {rollout.state.candidate} is promoted in the ledger, but not by the router; {back}"
                report = rollout_report(Decision.HOLD, "0", reason, receipt=receipt, table=table, details=details)
                return replace(report, headline=f"Half-way: {reason}.")
            return rollout_report(Decision.PROMOTE, "100", reason, receipt=receipt, table=table, details=details)
        case Decision.ROLLBACK:
            receipt = roll_back(rollout, reason)
            return rollout_report(Decision.ROLLBACK, "0", reason, receipt=receipt, table=table, details=details)
        case _:
            release(rollout, reason)
            return rollout_report(Decision.INCONCLUSIVE, "0", reason, receipt=None, table=table, details=details)
