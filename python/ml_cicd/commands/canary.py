"""Roll a version out: a small share first, more on evidence, all on proof, none at the first sign of harm."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ml_cicd.apply import apply, describe
from ml_cicd.commands.rollout import (
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
from ml_cicd.commands.rollout_start import FIRST_RELEASE, begin, finish_promotion, first_release, plan_digest
from ml_cicd.commands.traffic import Stage, open_stage
from ml_cicd.decide.canary import Plan, Transition, forecast, make_plan, replay
from ml_cicd.domain.model import (
    CHALLENGER,
    TAG_GATE_VERDICT,
    Ledger,
    ModelVersion,
    RegistrySnapshot,
)
from ml_cicd.domain.operation import Receipt
from ml_cicd.domain.report import Report, Table
from ml_cicd.domain.rollout import Decision, Phase, RouterView
from ml_cicd.errors import Conflict, EvidenceError, Exit, InputError, IntegrityError
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
    plan = make_plan(stage.config.canary, deadline=_deadline(inputs, stage))
    lease = max(stage.config.canary.lease, TICK_LEASE) if inputs.mode == "tick" else stage.config.canary.lease
    view = stage.router.read()
    if view.state is not None and view.state.phase is Phase.RUNNING:
        rollout = _resume(inputs, stage, plan, view, lease)
        return _plan_report(plan, "Would go on.") if inputs.dry_run else _drive(rollout, view, inputs.mode)
    snapshot, ledger = _registry(stage)
    candidate = _candidate(inputs.candidate, snapshot)
    if ledger.champion is None:
        return _first_release(stage, view, candidate, ledger, dry_run=inputs.dry_run)
    if inputs.dry_run:
        return _plan_report(plan, f"Would roll out version {candidate.number} over {ledger.champion}.")
    if ledger.champion == candidate.number:
        receipt = finish_promotion(stage, view, candidate)
        return _report(Decision.PROMOTE, "100", f"version {candidate.number} is the champion already", receipt=receipt)
    rollout = begin(stage, plan, view, candidate, snapshot.version(ledger.champion), lease)
    return _drive(rollout, None, inputs.mode)


def _deadline(inputs: Inputs, stage: Stage) -> float:
    text = inputs.deadline_minutes
    if not text:
        return stage.config.canary.deadline
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


def _first_release(stage: Stage, view: RouterView, candidate: ModelVersion, ledger: Ledger, *, dry_run: bool) -> Report:
    operations = first_release(stage, view, candidate, ledger)
    if dry_run:
        notes = tuple(describe(operation) for operation in operations)
        return replace(_report(Decision.HOLD, "0", "first release: would deploy and serve", receipt=None), notes=notes)
    receipt = apply(operations, stage.scene, again=f"ml-cicd canary --candidate {candidate.number}")
    return _report(Decision.PROMOTE, "100", FIRST_RELEASE, receipt=receipt)


def _resume(inputs: Inputs, stage: Stage, plan: Plan, view: RouterView, lease: float) -> Rollout:
    state = view.state
    if state is None:  # the caller has looked
        raise InputError("There is no rollout to go on with.", cure="This is a bug; please report it.")
    name = f"The rollout of version {state.candidate} ({state.run_id})"
    stop = f"`ml-cicd rollback --target {stage.target.name} --to champion` ends it."
    if inputs.candidate not in {CHALLENGER, state.candidate}:
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
    return Rollout(stage=stage, plan=plan, split=view.split, state=state, evidence=evidence, lease=lease)


def _drive(rollout: Rollout, found: RouterView | None, mode: str) -> Report:
    """Look until the end, or once. `found` is what the router said of a rollout that another process began."""
    with _traffic_returns(rollout, mode):
        rollout = rebase(rollout) if found is None else take_up(rollout, found)
        if mode == "run":
            return _end(*run_to_end(rollout, rollout.stage.config.canary.interval))
        if found is None:
            return _going(rollout, "the rollout has begun")
        rollout, transition = observe_once(rollout)
        if transition.decision in {Decision.HOLD, Decision.ADVANCE}:
            return _going(go_on(rollout, transition), transition.reason)
        return _end(rollout, transition)


@contextmanager
def _traffic_returns(rollout: Rollout, mode: str) -> Iterator[None]:
    """Whatever interrupts a run, from its first write on, takes all traffic back before it is passed on.

    A tick that fails leaves the rollout to the next one, unless a slot serves what nobody judged.
    """
    try:
        yield
    except Conflict:
        raise
    except BaseException as problem:
        stops = mode == "run" or isinstance(problem, IntegrityError)
        if stops and release(rollout, f"stopped: {type(problem).__name__}"):
            rollout.stage.world.progress.say("Stopped: all traffic is back at the champion.")
        raise


def _end(rollout: Rollout, transition: Transition) -> Report:
    details = served_details(rollout)
    table = _table(rollout)
    reason = f"{transition.reason} ({_served_words(rollout)})"
    match transition.decision:
        case Decision.PROMOTE:
            receipt = promote(rollout, reason)
            return _report(Decision.PROMOTE, "100", reason, receipt=receipt, table=table, details=details)
        case Decision.ROLLBACK:
            receipt = roll_back(rollout, reason)
            return _report(Decision.ROLLBACK, "0", reason, receipt=receipt, table=table, details=details)
        case _:
            release(rollout, reason)
            return _report(Decision.INCONCLUSIVE, "0", reason, receipt=None, table=table, details=details)


def _served_words(rollout: Rollout) -> str:
    served = rollout.evidence.served
    return (
        f"version {rollout.state.candidate} failed {served.xc:,} of {served.nc:,} requests, "
        f"version {rollout.state.champion} {served.xb:,} of {served.nb:,}"
    )


def _table(rollout: Rollout) -> Table:
    rows = tuple(
        (
            f"{share / 100:g} %",
            f"{margin:g}",
            *(f"{n:,}" for n in rollout.evidence.per_step.get(index, (0, 0))),
            str(rollout.evidence.looks.get(index, 0)),
        )
        for index, (share, margin) in enumerate(zip(rollout.plan.steps, rollout.plan.margins, strict=True))
    )
    header = ("share", "margin", "candidate requests", "all requests", "looks")
    return Table(title="Evidence by step (without the warm-up)", header=header, rows=rows)


def _going(rollout: Rollout, reason: str) -> Report:
    share = f"{rollout.split.threshold / 100:g}"
    return _report(Decision.HOLD, share, reason, receipt=None, table=_table(rollout), details=served_details(rollout))


def _plan_report(plan: Plan, headline: str) -> Report:
    rows = tuple(
        (f"{s / 100:g} %", f"{m:g}", f"{n:,}")
        for s, m, n in zip(plan.steps, plan.margins, forecast(plan, 0.01), strict=True)
    )
    header = ("share", "margin", "candidate requests needed at 1 % errors")
    outputs = {"decision": "hold", "share": "0", "rolled-back": "false", "reason": headline}
    table = Table(title="Plan", header=header, rows=rows)
    return Report(command="canary", exit_code=Exit.DONE, headline=headline, tables=(table,), outputs=outputs)


def _report(  # noqa: PLR0913  # parts by name
    decision: Decision,
    share: str,
    reason: str,
    *,
    receipt: Receipt | None,
    table: Table | None = None,
    details: Mapping[str, object] | None = None,
) -> Report:
    codes = {Decision.ROLLBACK: Exit.FAILED, Decision.INCONCLUSIVE: Exit.INCONCLUSIVE}
    partly = receipt is not None and bool(receipt.problem)
    headlines = {
        Decision.PROMOTE: "Promoted",
        Decision.ROLLBACK: "Rolled back",
        Decision.INCONCLUSIVE: "Inconclusive",
    }
    return Report(
        command="canary",
        exit_code=Exit.PARTLY if partly else codes.get(decision, Exit.DONE),
        headline=f"{headlines.get(decision, 'Going on')} at {share} %: {reason}.",
        cure=f"To finish: {receipt.cures[0]}" if receipt is not None and receipt.cures else "",
        receipt=receipt,
        tables=() if table is None else (table,),
        details=details or {},
        outputs={
            "decision": decision.value,
            "share": share,
            "rolled-back": str(decision in {Decision.ROLLBACK, Decision.INCONCLUSIVE}).lower(),
            "reason": reason,
        },
    )
