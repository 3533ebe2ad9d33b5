"""Check what a rollout will need, each with its cure, before it is needed at night."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ml_cicd.commands.traffic import Stage, open_stage
from ml_cicd.domain.report import Report, Table
from ml_cicd.errors import Exit, MlCicdError, OutsideError
from ml_cicd.ports import World
from ml_cicd.spec import CommonInputs, option

TITLE = "Check configuration, registry, router and slots."
OUTPUTS: Mapping[str, str] = {"healthy": "true when every check passed."}
ON_ERROR: Mapping[str, str] = {"healthy": "false"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `doctor`."""

    target: str = option("Name of the target; empty for all of them.")
    registry_uri: str = option("Registry; empty for the configuration's.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One check's outcome; `problem` is empty when it passed."""

    name: str
    found: str
    problem: str = ""
    cure: str = ""
    exit_code: Exit = Exit.DONE


def run(inputs: Inputs, world: World) -> Report:
    """Run every check, whatever the others say."""
    config = world.config(inputs.config, required=True)
    checks = [Check(name="configuration", found=f"{inputs.config} is valid")]
    checks += [
        attempt("registry", lambda: _registry(inputs, world)),
        attempt("ledger", lambda: _ledger(inputs, world)),
    ]
    for name in [inputs.target] if inputs.target else list(config.targets):
        checks += _target(inputs, world, name)
    return report(checks)


def attempt(name: str, look: Callable[[], str]) -> Check:
    """Run one look and keep its answer or its error."""
    try:
        return Check(name=name, found=look())
    except MlCicdError as problem:
        return Check(name=name, found="", problem=problem.what, cure=problem.cure, exit_code=problem.exit_code)


def report(checks: list[Check]) -> Report:
    """Lay the checks out; the exit code is the first problem's."""
    bad = [check for check in checks if check.problem]
    rows = tuple((c.name, "PROBLEM" if c.problem else "ok", c.problem or c.found, c.cure) for c in checks)
    headline = f"{len(bad)} of {len(checks)} checks found a problem." if bad else f"All {len(checks)} checks passed."
    return Report(
        command="doctor",
        exit_code=bad[0].exit_code if bad else Exit.DONE,
        headline=headline,
        cure=bad[0].cure if bad else "",
        tables=(Table(title="Checks", header=("check", "", "found", "what to do"), rows=rows),),
        outputs={"healthy": str(not bad).lower()},
    )


def _registry(inputs: Inputs, world: World) -> str:
    config = world.config(inputs.config, required=True)
    snapshot = world.registry(config.registry(inputs.registry_uri)).snapshot(config.model_name(""))
    aliases = ", ".join(f"{alias} -> {number}" for alias, number in sorted(snapshot.aliases.items())) or "no alias"
    return f"{snapshot.name}: {len(snapshot.versions)} versions, {aliases}"


def _ledger(inputs: Inputs, world: World) -> str:
    config = world.config(inputs.config, required=True)
    ledger = world.ledger(config.registry(inputs.registry_uri)).read(config.model_name(""))
    champions = ", ".join(f"{name}: champion {ledger.of(name).champion or 'none'}" for name in config.targets)
    return f"{len(ledger.entries)} entries" + (f"; {champions}" if champions else "")


def _target(inputs: Inputs, world: World, name: str) -> list[Check]:
    try:
        stage = open_stage(world, config=inputs.config, target=name, registry_uri=inputs.registry_uri)
    except MlCicdError as problem:
        return [Check(name=f"{name}", found="", problem=problem.what, cure=problem.cure, exit_code=problem.exit_code)]
    checks = [
        attempt(f"{name}: router", lambda: _router(stage)),
        attempt(f"{name}: counters", lambda: _counters(stage)),
    ]
    checks += [attempt(f"{name}: slot {slot}", lambda slot=slot: _slot(stage, slot)) for slot in stage.target.slots]  # type: ignore[misc]
    hook = " ".join(stage.target.deploy) or "none: slots are filled by hand"
    return [*checks, Check(name=f"{name}: deploy hook", found=hook)]


def _router(stage: Stage) -> str:
    view = stage.router.read()
    phase = f", last rollout {view.state.phase.value}" if view.state else ""
    return f"slot {view.split.champion} serves, {view.share / 100:g} % to {view.split.candidate}{phase}"


def _counters(stage: Stage) -> str:
    counters = stage.router.counters()
    return ", ".join(f"{slot} {c.requests:,} requests, {c.errors:,} failed" for slot, c in sorted(counters.items()))


def _slot(stage: Stage, slot: str) -> str:
    identity = stage.slots.identify(slot)
    if identity.problem:
        raise OutsideError(identity.problem, cure="Start it, or deploy a version there; an idle slot may stay empty.")
    return f"version {identity.version} ({identity.digest[:19]})"
