"""Put an earlier version back: traffic first, then the ledger, then the alias. A second run is a no-op."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.apply import apply, describe
from ml_cicd.commands.traffic import Observed, Stage, afterwards, join, ledger_entry, observe, open_stage
from ml_cicd.decide.rollback import (
    NAMES,
    PREVIOUS,
    Aim,
    TrafficPlan,
    aim_from_ledger,
    aim_from_router,
    known_digest,
    plan_traffic,
    rejected,
)
from ml_cicd.domain.model import Ledger, LedgerOp
from ml_cicd.domain.operation import AppendLedger, DeploySlot, Operation, Receipt, SetSplit
from ml_cicd.domain.report import Report
from ml_cicd.domain.rollout import Identity, Phase, RouterView
from ml_cicd.errors import Conflict, Exit, InputError, IntegrityError, MlCicdError
from ml_cicd.ports import World
from ml_cicd.spec import CommonInputs, option

TITLE = "Put an earlier version back, traffic first."
OUTPUTS: Mapping[str, str] = {
    "rolled-back": "true when traffic moved to another version or a canary was stopped.",
    "from-version": "Version that served before.",
    "to-version": "Version that serves now.",
    "verified": "true when slot, router and new requests agree that it serves.",
}
ON_ERROR: Mapping[str, str] = {"rolled-back": "false", "verified": "false"}


ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `rollback`."""

    target: str = option("Name of the target in the configuration; empty when there is only one.")
    to: str = option(
        "previous, last-good, a version number; or champion, which only stops a running canary.", default=PREVIOUS
    )
    reason: str = option("Why, for the ledger.", default="asked for")
    registry_uri: str = option("Registry; empty for the configuration's.")


def run(inputs: Inputs, world: World) -> Report:
    """Move traffic, verify it, then write the record. A canary that renews its lease meanwhile does not stop it."""
    _check(inputs.to)
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(Conflict):
            return _attempt(inputs, world)
    return _attempt(inputs, world)


def _attempt(inputs: Inputs, world: World) -> Report:
    stage = open_stage(world, config=inputs.config, target=inputs.target, registry_uri=inputs.registry_uri)
    view = stage.router.read()
    identities = stage.identities()
    before = _serving(view, identities)
    aim = _aim(inputs.to, stage, view)
    plan = plan_traffic(aim, view, identities, target=stage.target.name, model=stage.model)
    again = f"ml-cicd rollback --target {stage.target.name} --to {aim.version}"
    if plan.deploys:
        world.progress.say(f"No slot serves version {aim.version}: it is deployed first, which can take minutes.")
    if inputs.dry_run:
        return _dry_run(plan, before, aim)
    traffic = apply(plan.operations, stage.scene, again=again)
    if traffic.problem:
        return _report(plan, before, aim, receipt=traffic, observed=Observed(verified=False, words=traffic.problem))
    observed = _observed(stage, aim)
    stopped = view.state is not None and view.state.open
    record = _record(inputs.reason, stage, aim, before=before, stopped=stopped, again=again)
    return _report(plan, before, aim, receipt=join(traffic, record), observed=observed)


def _observed(stage: Stage, aim: Aim) -> Observed:
    """Look at what serves. Traffic has moved by now: a look that fails must not keep the record from being written."""
    try:
        return observe(stage, stage.router.read(), version=aim.version)
    except MlCicdError as problem:
        return Observed(verified=False, words=problem.what)


def _check(to: str) -> None:
    if to not in NAMES and not to.isdigit():
        raise InputError(f"Input 'to' is {to!r}.", cure="Write previous, last-good, champion or a version number.")


def _serving(view: RouterView, identities: Mapping[str, Identity]) -> str:
    return identities[view.split.champion].version if view.split.champion in identities else ""


def _aim(to: str, stage: Stage, view: RouterView) -> Aim:
    """Find the version to serve and its digest; the registry is asked only when the router's state cannot tell."""
    aim = aim_from_router(to, view.state)
    if aim is None and to.isdigit():
        aim = Aim(version=to, digest=known_digest(to, view.state), why="it was asked for")
    aim = aim or aim_from_ledger(to, stage.ledger())
    if aim.digest:
        return aim
    snapshot = stage.world.registry(stage.scene.registry_uri).snapshot(stage.model)
    version = snapshot.version(aim.version)
    if version is None:
        known = ", ".join(v.number for v in snapshot.versions) or "none"
        raise InputError(f"{stage.model} has no version {aim.version}.", cure=f"Versions: {known}.")
    if not version.digest:
        raise IntegrityError(
            f"Version {aim.version} of {stage.model} carries no payload digest, so no slot can be checked against it.",
            cure="Choose a version that `ml-cicd register` made.",
        )
    return replace(aim, digest=version.digest)


def _record(  # noqa: PLR0913  # parts by name
    reason: str, stage: Stage, aim: Aim, *, before: str, stopped: bool, again: str
) -> Receipt:
    """Write ledger and alias, and what an earlier run could not write; traffic is safe by now."""

    def build() -> tuple[Operation, ...]:
        ledger, state = stage.ledger(), stage.router.read().state
        last = ledger.entries[-1].candidate if ledger.entries else ""
        missing = rejected(state)
        entries: tuple[Operation, ...] = ()
        if ledger.champion != aim.version:
            entries = (_entry(stage, ledger, LedgerOp.ROLLBACK, aim, ledger.champion or before, reason),)
        elif missing and (stopped or missing != last):
            why = state.reason if state is not None and state.phase is Phase.ROLLED_BACK else reason
            entries = (_entry(stage, ledger, LedgerOp.REJECT, aim, missing, why),)
        return (*entries, stage.champion_alias(aim.version), *_standby(stage))

    wanted = ("Record the rollback in the ledger", describe(stage.champion_alias(aim.version)))
    return afterwards(stage, build, wanted=wanted, again=again)


def _entry(  # noqa: PLR0913  # parts of one line
    stage: Stage, ledger: Ledger, op: LedgerOp, aim: Aim, about: str, reason: str
) -> AppendLedger:
    entry = ledger_entry(stage, ledger, op, champion=aim.version, candidate=about, reason=reason)
    return AppendLedger(name=stage.model, entry=entry)


def _standby(stage: Stage) -> tuple[DeploySlot, ...]:
    """Give the idle slot the version that it should hold, where a stopped canary left another one in it."""
    view = stage.router.read()
    state = view.state
    if state is None or not (state.standby and state.standby_digest and stage.target.deploy):
        return ()
    idle = view.split.candidate
    wanted = DeploySlot(
        target=stage.target.name,
        slot=idle,
        model=stage.model,
        version=state.standby,
        digest=state.standby_digest,
    )
    return () if stage.slots.identify(idle).version == state.standby else (wanted,)


def _dry_run(plan: TrafficPlan, before: str, aim: Aim) -> Report:
    steps = tuple(describe(o) for o in plan.operations)
    headline = f"Would roll back from {before or 'an unknown version'} to {aim.version}: {aim.why}."
    return Report(
        command="rollback",
        exit_code=Exit.DONE,
        headline=headline,
        notes=steps or ("Nothing to move.",),
        outputs={"rolled-back": "false", "from-version": before, "to-version": aim.version, "verified": "false"},
    )


def _report(plan: TrafficPlan, before: str, aim: Aim, *, receipt: Receipt, observed: Observed) -> Report:
    partly = bool(receipt.problem) or not observed.verified
    writes = sum(isinstance(operation, SetSplit) for operation in plan.operations)
    moved = receipt.moves() > 0
    arrived = receipt.moves() == writes
    headline = (
        f"Version {aim.version} serves; {aim.why}."
        if not moved
        else f"Rolled back from {before or 'an unknown version'} to {aim.version}: {observed.words}."
    )
    return Report(
        command="rollback",
        exit_code=Exit.PARTLY if partly else Exit.DONE,
        headline=headline if observed.verified else f"Rollback to {aim.version} is not verified: {observed.words}.",
        cure=f"To finish: {'; '.join(receipt.cures)}" if receipt.cures else "",
        receipt=receipt,
        outputs={
            "rolled-back": str(moved).lower(),
            "from-version": before,
            "to-version": aim.version if arrived else before,
            "verified": str(observed.verified).lower(),
        },
    )
