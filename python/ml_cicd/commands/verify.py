"""Recompute the digest of what the registry holds of a version, and compare it with its tags and the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.ground.errors import Exit, InputError, IntegrityError
from ml_cicd.ground.finding import Finding, Verdict, broken, worst
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.report import Findings, Report
from ml_cicd.registry.ports import Server
from ml_cicd.registry.reference import find
from ml_cicd.registry.verification import verified
from ml_cicd.registry.versions import CHAMPION, ModelVersion
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {
    "verified": "true when bytes, tags and ledger agree.",
    "version": "Version that was looked at.",
    "digest": "Payload digest of what the registry holds; empty where it is not what was registered.",
}
ON_ERROR: Mapping[str, str] = {"verified": "false"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `verify`."""

    version: str = option("A number, an alias, or champion: what serves by the ledger.", default=CHAMPION)
    model_name: str = option("Registered model; empty for the configuration's.")
    registry_uri: str = option("Registry; empty for the configuration's.")


def run(inputs: Inputs, world: World) -> Report:
    """Bring what is there, and hold it against all that names it."""
    config = world.config(inputs.config, required=False)
    name = config.model_name(inputs.model_name)
    server = world.records(config.registry_uri(inputs.registry_uri))
    ledger = server.ledger.read(name)
    version = find(inputs.version, server.registry.snapshot(name), ledger, targets=config.targets)
    if version is None:
        raise InputError(f"{name} has no {inputs.version} yet.", cure="Name a version by its number.")
    held, problem = _held(version, world, server)
    findings = verified(version, held, ledger) if problem is None else (problem,)
    return _report(version, held, findings)


def _held(version: ModelVersion, world: World, server: Server) -> tuple[str, Finding | None]:
    """Return the digest of what is there, or what is wrong with it."""
    try:
        with world.models.here(version.uri, lambda: server) as model:
            return world.models.payload_digest(model.path), None
    except IntegrityError as problem:
        return "", broken("bytes", problem.what, problem.cure)


def _report(version: ModelVersion, held: str, findings: tuple[Finding, ...]) -> Report:
    bad = [found for found in findings if found.blocks]
    what = f"{version.name} version {version.number}"
    return Report(
        command="verify",
        exit_code=Exit.EVIDENCE if bad else Exit.DONE,
        headline=f"{what} is not what was registered: {bad[0].reason}" if bad else f"{what} is what was registered.",
        cure=bad[0].cure if bad else "",
        sections=(Findings(verdict=Verdict(outcome=worst(findings), findings=findings)),),
        outputs={"verified": str(not bad).lower(), "version": version.number, "digest": held},
    )


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run)
