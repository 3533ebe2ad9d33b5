"""Register a model that passed the gate: its bytes, its verdict and its alias, once."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.apply import Scene, apply, describe
from ml_cicd.decide.registration import (
    LARGEST_REPORT,
    Candidate,
    GateClaim,
    check_names,
    plan,
    read_gate_report,
    registration_key,
)
from ml_cicd.domain.model import CHALLENGER, TAG_KEY, RegistrySnapshot
from ml_cicd.domain.operation import Operation, Receipt
from ml_cicd.domain.report import Report
from ml_cicd.errors import EvidenceError, Exit, InputError
from ml_cicd.ports import World
from ml_cicd.spec import CommonInputs, option

TITLE = "Register a model that passed the gate."
OUTPUTS: Mapping[str, str] = {
    "version": "Version of the registered model.",
    "model-uri": "Address of the version, models:/<name>/<version>.",
    "digest": "Payload digest of the model.",
    "created": "true when this run made the version, false when it was there already.",
}
ON_ERROR: Mapping[str, str] = {"created": "false"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `register`."""

    model_name: str = option("Registered model; empty for the configuration's.")
    model: str = option("Folder of the model, as mlflow.pytorch saves it.", required=True, path=True)
    gate_report: str = option(
        "Report of the quality gate that judged this model.", default=".ml-cicd/quality-gate/report.json", path=True
    )
    registry_uri: str = option("Registry; empty for the configuration's.")
    alias: str = option("Alias that the version gets.", default=CHALLENGER)


def run(inputs: Inputs, world: World) -> Report:
    """Check the claim against the bytes, then register."""
    config = world.config(inputs.config, required=False)
    name = config.model_name(inputs.model_name)
    check_names(name, inputs.alias)
    gate = _gate(inputs, world)
    candidate = Candidate(
        name=name,
        alias=inputs.alias,
        folder=inputs.model,
        digest=world.files.payload_digest(inputs.model),
        violations=world.files.policy_violations(inputs.model),
        commit=world.commit,
        run_url=world.run_url,
    )
    operations = plan(candidate, gate)
    scene = Scene(world=world, config=config, registry_uri=config.registry(inputs.registry_uri))
    if inputs.dry_run:
        snapshot = world.registry(scene.registry_uri).snapshot(name)
        return _dry_run(operations, candidate, registration_key(candidate, gate), snapshot)
    return _report(apply(operations, scene, again=_again(inputs)), candidate)


def _gate(inputs: Inputs, world: World) -> GateClaim:
    try:
        text = world.files.read_text(inputs.gate_report, limit=LARGEST_REPORT)
    except InputError as problem:
        raise EvidenceError(
            f"There is no gate report: {problem.what}",
            cure="Run `ml-cicd quality-gate --model ...` first, or say where its report.json is.",
        ) from problem
    return read_gate_report(text, inputs.gate_report)


def _again(inputs: Inputs) -> str:
    given = {
        "model-name": inputs.model_name,
        "model": inputs.model,
        "gate-report": inputs.gate_report,
        "registry-uri": "" if "@" in inputs.registry_uri else inputs.registry_uri,  # it may hold a password
        "alias": inputs.alias,
    }
    return shlex.join(["ml-cicd", "register", *(f"--{name}={value}" for name, value in given.items() if value)])


def _dry_run(operations: tuple[Operation, ...], candidate: Candidate, key: str, snapshot: RegistrySnapshot) -> Report:
    there = next((v for v in snapshot.versions if v.tags.get(TAG_KEY) == key), None)
    headline = (
        f"Would register {candidate.name}." if there is None else f"Version {there.number} is this model already."
    )
    return Report(
        command="register",
        exit_code=Exit.DONE,
        headline=headline,
        notes=tuple(describe(o) for o in operations),
        outputs={
            "version": "" if there is None else there.number,
            "model-uri": "" if there is None else there.uri,
            "digest": candidate.digest,
            "created": "false",
        },
    )


def _report(receipt: Receipt, candidate: Candidate) -> Report:
    values = receipt.done[0].values
    created = values["created"] == "true"
    headline = (
        f"Registered {candidate.name} version {values['version']}, alias {candidate.alias}."
        if created
        else f"{candidate.name} version {values['version']} was there already, alias {candidate.alias}."
    )
    if receipt.problem:
        headline = f"Version {values['version']} is there, but the alias is not set: {receipt.problem}"
    return Report(
        command="register",
        exit_code=Exit.PARTLY if receipt.problem else Exit.DONE,
        headline=headline,
        cure=f"To finish: {'; '.join(receipt.cures)}" if receipt.cures else "",
        receipt=receipt,
        outputs={
            "version": values["version"],
            "model-uri": values["uri"],
            "digest": candidate.digest,
            "created": values["created"],
        },
    )
