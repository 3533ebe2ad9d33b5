"""Check what a rollout will need, each with its cure, before it is needed at night."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from ml_cicd.config import Config
from ml_cicd.ground.errors import Defect, Exit, MlCicdError
from ml_cicd.ground.finding import Finding, Outcome, Verdict, broken, remark, worst
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.report import Findings, Report
from ml_cicd.registry.chain import breaks, unchained
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.ports import ModelRegistry, Records
from ml_cicd.registry.versions import RegistrySnapshot
from ml_cicd.rollout.bounded import within
from ml_cicd.rollout.health import Budget, examined, named, target_findings
from ml_cicd.rollout.present import OnRecord, record_seconds
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {"healthy": "true when every check passed."}
ON_ERROR: Mapping[str, str] = {"healthy": "false"}
ALL_SECONDS = 18.0  # below the 20 s that a person at night is made to wait
HOOK = "deploy hook"
CHAIN = "ledger chain"
MEND = "Ask who did it. Put the tag mlcicd.entry back from an export, or delete the entry if nobody's run wrote it."
KEEP = "Nothing is to be done; an export from before has the entry."


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `doctor`."""

    target: str = option("Name of the target; empty for all of them.")
    registry_uri: str = option("Registry; empty for the configuration's.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the registry said."""

    snapshot: RegistrySnapshot
    ledger: Ledger
    registry: ModelRegistry


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One check's finding, the exit code of what it met, and what the registry said where it was asked."""

    finding: Finding
    exit_code: Exit = Exit.DONE
    known: Known | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the registry said, and how long all that follows may take."""

    known: Known | None
    budget: Budget


def run(inputs: Inputs, world: World) -> Report:
    """Run every check, whatever the others say."""
    config = world.config(inputs.config, required=True)
    budget = Budget(clock=world.clock, until=world.clock.now() + ALL_SECONDS)
    checks = [passed("configuration", f"{inputs.config} is valid"), *looked(world.lacking(config))]
    checks += _registry(inputs, world, config, budget)
    known = next((check.known for check in checks if check.known is not None), None)
    for name in [inputs.target] if inputs.target else list(config.targets):
        checks += _target(inputs, world, config, name, Asked(known=known, budget=budget))
    return report(checks)


def passed(name: str, found: str) -> Checked:
    """Return a check that found nothing wrong."""
    return Checked(finding=Finding(rule=name, outcome=Outcome.PASS, reason=found))


def failed(name: str, problem: MlCicdError) -> Checked:
    """Return a check that met an error."""
    return Checked(finding=broken(name, problem.what, problem.cure), exit_code=problem.exit_code)


def looked(findings: tuple[Finding, ...]) -> list[Checked]:
    """Return what was looked at outside."""
    return [Checked(finding=found, exit_code=Exit.OUTSIDE if found.blocks else Exit.DONE) for found in findings]


def report(checks: list[Checked]) -> Report:
    """Lay the checks out; the exit code is the first problem's."""
    findings = tuple(check.finding for check in checks)
    bad = [check for check in checks if check.finding.blocks]
    remarks = sum(found.outcome is not Outcome.PASS and not found.blocks for found in findings)
    also = "" if not remarks else f" {remarks} remark{'s' if remarks > 1 else ''}."
    good = f"{len(checks) - remarks} of {len(checks)}" if remarks else f"All {len(checks)}"
    headline = f"{len(bad)} of {len(checks)} checks found a problem." if bad else f"{good} checks passed."
    return Report(
        command="doctor",
        exit_code=bad[0].exit_code if bad else Exit.DONE,
        headline=f"{headline}{also}",
        cure=bad[0].finding.cure if bad else "",
        sections=(Findings(verdict=Verdict(outcome=worst(findings), findings=findings)),),
        outputs={"healthy": str(not bad).lower()},
    )


def _registry(inputs: Inputs, world: World, config: Config, budget: Budget) -> list[Checked]:
    """Ask the registry once: where it does not answer, nothing else is asked of it."""

    def ask(records: Records) -> Known:
        snapshot = records.registry.snapshot(config.model_name(""))
        return Known(snapshot=snapshot, ledger=records.ledger.read(config.model_name("")), registry=records.registry)

    try:
        uri = config.registry_uri(inputs.registry_uri)
        known = within(record_seconds(uri), "The registry", partial(ask, world.records(uri)))
    except Defect:
        raise
    except MlCicdError as problem:
        return [failed("registry", problem)]
    snapshot, ledger = known.snapshot, known.ledger
    aliases = ", ".join(f"{alias} -> {number}" for alias, number in sorted(snapshot.aliases.items())) or "no alias"
    champions = ", ".join(f"{name}: champion {ledger.of(name).champion or 'none'}" for name in config.targets)
    says = f"{len(ledger.entries)} entries" + (f"; {champions}" if champions else "")
    if early := unchained(ledger):
        says += f"; {early} of them unchained, by an earlier version: a change of those would not show"
    there = passed("registry", f"{snapshot.name}: {len(snapshot.versions)} versions, {aliases}")
    written = [passed("ledger", says), *looked(_torn(ledger))]
    return [replace(there, known=known), *written, *looked(examined(known.registry, budget))]


def _torn(ledger: Ledger) -> tuple[Finding, ...]:
    """Say where the chain of entries does not hold; what cannot be mended any more is a remark."""
    found = (broken(CHAIN, torn.what, MEND) if torn.open else remark(CHAIN, torn.what, KEEP) for torn in breaks(ledger))
    return tuple(found)


def _target(inputs: Inputs, world: World, config: Config, name: str, asked: Asked) -> list[Checked]:
    try:
        site = world.site(config, target=name, registry_uri=inputs.registry_uri)
    except Defect:
        raise
    except MlCicdError as problem:
        return [failed(name, problem)]
    record = None
    if asked.known is not None:
        alias = asked.known.snapshot.aliases.get(site.place.alias, "")
        record = OnRecord(ledger=asked.known.ledger.of(name), alias=alias)
    findings = named(name, target_findings(site, config.canary, record, asked.budget))
    if any(found.rule == f"{name}: {HOOK}" for found in findings):
        return looked(findings)
    hook = " ".join(config.targets[name].hooks.deploy)
    return [*looked(findings), passed(f"{name}: {HOOK}", hook or "none: slots are filled by hand")]


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run)
