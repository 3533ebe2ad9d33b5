"""Check what a rollout will need, each with its cure, before it is needed at night."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ml_cicd.config import Config
from ml_cicd.ground.errors import Defect, Exit, MlCicdError, OutsideError
from ml_cicd.ground.finding import Finding, Outcome, Verdict, worst
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.report import Findings, Report
from ml_cicd.rollout.site import Site
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {"healthy": "true when every check passed."}
ON_ERROR: Mapping[str, str] = {"healthy": "false"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `doctor`."""

    target: str = option("Name of the target; empty for all of them.")
    registry_uri: str = option("Registry; empty for the configuration's.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One check's finding, and the exit code of what it met."""

    finding: Finding
    exit_code: Exit = Exit.DONE


def run(inputs: Inputs, world: World) -> Report:
    """Run every check, whatever the others say."""
    config = world.config(inputs.config, required=True)
    checks = [
        passed("configuration", f"{inputs.config} is valid"),
        attempt("registry", lambda: _registry(inputs, world, config)),
        attempt("ledger", lambda: _ledger(inputs, world, config)),
    ]
    for name in [inputs.target] if inputs.target else list(config.targets):
        checks += _target(inputs, world, config, name)
    return report(checks)


def passed(name: str, found: str) -> Checked:
    """Return a check that found nothing wrong."""
    return Checked(finding=Finding(rule=name, outcome=Outcome.PASS, reason=found))


def attempt(name: str, look: Callable[[], str]) -> Checked:
    """Run one look and keep its answer or its error."""
    try:
        return passed(name, look())
    except Defect:
        raise
    except MlCicdError as problem:
        finding = Finding(rule=name, outcome=Outcome.ERROR, reason=problem.what, cure=problem.cure)
        return Checked(finding=finding, exit_code=problem.exit_code)


def report(checks: list[Checked]) -> Report:
    """Lay the checks out; the exit code is the first problem's."""
    findings = tuple(check.finding for check in checks)
    bad = [check for check in checks if check.finding.blocks]
    headline = f"{len(bad)} of {len(checks)} checks found a problem." if bad else f"All {len(checks)} checks passed."
    return Report(
        command="doctor",
        exit_code=bad[0].exit_code if bad else Exit.DONE,
        headline=headline,
        cure=bad[0].finding.cure if bad else "",
        sections=(Findings(verdict=Verdict(outcome=worst(findings), findings=findings)),),
        outputs={"healthy": str(not bad).lower()},
    )


def _registry(inputs: Inputs, world: World, config: Config) -> str:
    records = world.records(config.registry_uri(inputs.registry_uri))
    snapshot = records.registry.snapshot(config.model_name(""))
    aliases = ", ".join(f"{alias} -> {number}" for alias, number in sorted(snapshot.aliases.items())) or "no alias"
    return f"{snapshot.name}: {len(snapshot.versions)} versions, {aliases}"


def _ledger(inputs: Inputs, world: World, config: Config) -> str:
    records = world.records(config.registry_uri(inputs.registry_uri))
    ledger = records.ledger.read(config.model_name(""))
    champions = ", ".join(f"{name}: champion {ledger.of(name).champion or 'none'}" for name in config.targets)
    return f"{len(ledger.entries)} entries" + (f"; {champions}" if champions else "")


def _target(inputs: Inputs, world: World, config: Config, name: str) -> list[Checked]:
    try:
        site = world.site(config, target=name, registry_uri=inputs.registry_uri)
    except Defect:
        raise
    except MlCicdError as problem:
        finding = Finding(rule=name, outcome=Outcome.ERROR, reason=problem.what, cure=problem.cure)
        return [Checked(finding=finding, exit_code=problem.exit_code)]
    checks = [
        attempt(f"{name}: router", lambda: _router(site)),
        attempt(f"{name}: counters", lambda: _counters(site)),
        *(attempt(f"{name}: slot {slot}", partial(_slot, site, slot)) for slot in site.place.slots),
    ]
    hook = " ".join(config.targets[name].hooks.deploy) if name in config.targets else ""
    return [*checks, passed(f"{name}: deploy hook", hook or "none: slots are filled by hand")]


def _router(site: Site) -> str:
    view = site.router.read()
    phase = f", last rollout {view.state.phase.value}" if view.state else ""
    return f"slot {view.split.serving} serves, {view.share / 100:g} % to {view.split.idle}{phase}"


def _counters(site: Site) -> str:
    counted = sorted(site.source.read().items())
    return ", ".join(f"{slot} {c.requests:,} requests, {c.events.get('errors', 0):,} failed" for slot, c in counted)


def _slot(site: Site, slot: str) -> str:
    identity = site.slots.identify(slot)
    if identity.problem:
        raise OutsideError(identity.problem, cure="Start it, or deploy a version there; an idle slot may stay empty.")
    return f"version {identity.release.version} ({identity.release.digest[:19]})"


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run)
