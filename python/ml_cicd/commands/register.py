"""Register a model that passed the gate: its bytes, its verdict and its alias, once."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ml_cicd.config import Config
from ml_cicd.ground.errors import EvidenceError, Exit, InputError
from ml_cicd.ground.inputs import Command, CommonInputs, Needs, option
from ml_cicd.ground.operation import Receipt, apply
from ml_cicd.ground.report import Document, Note, Report
from ml_cicd.registry.addresses import MODEL_FORMS
from ml_cicd.registry.gate_report import LARGEST_REPORT, GateClaim, read_gate_report
from ml_cicd.registry.look import Allowed
from ml_cicd.registry.operations import Registered
from ml_cicd.registry.registration import Candidate, card_of, check_first_release, check_names, judged_elsewhere, plan
from ml_cicd.registry.statement import statement
from ml_cicd.registry.versions import CHALLENGER, ModelVersion
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {
    "version": "Version of the registered model.",
    "model-uri": "Address of the version, models:/<name>/<version>.",
    "digest": "Payload digest of the model.",
    "statement": "Path of the verdict as an in-toto statement over that digest, for whoever signs it.",
    "created": "true when this run made the version, false when it was there already.",
}
ON_ERROR: Mapping[str, str] = {"created": "false"}
NEEDS = Needs(first="registry", later=("sqlite",))


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `register`."""

    model_name: str = option("Registered model; empty for the configuration's.")
    model: str = option(f"The model: {MODEL_FORMS}.", required=True, path=True)
    gate_report: str = option(
        "Report of the quality gate that judged this model.",
        default="ml-cicd-reports/quality-gate/report.json",
        path=True,
    )
    registry_uri: str = option("Registry; empty for the configuration's.")
    from_uri: str = option(
        "Registry that holds the model, where it is another one: from development to production, say."
    )
    alias: str = option("Alias that the version gets.", default=CHALLENGER)
    allow_code: bool = option(
        "Take a model that carries Python code by design; its files stay in tags and report.", default=False
    )
    allow_other_run: bool = option("Take a gate report of another workflow run or commit.", default=False)


def run(inputs: Inputs, world: World) -> Report:
    """Check the claim against the bytes, then register."""
    config = world.config(inputs.config, required=False)
    name = config.model_name(inputs.model_name)
    check_names(name, inputs.alias)
    gate = _gate(inputs, world)
    with world.models.here(inputs.model, lambda: world.records(inputs.from_uri or _uri(inputs, config))) as model:
        candidate = Candidate(
            name=name,
            alias=inputs.alias,
            folder=model.path,
            origin=model.origin,
            server=_other_server(inputs, config) if model.origin else "",
            # The digest before the scan: it refuses links and pipes, which the scan would follow.
            digest=world.models.payload_digest(model.path),
            look=world.models.look(model.path, _allowed(inputs, config)),
            commit=world.commit,
            run_url=world.who.run_url,
            actor=world.who.actor,
            other_run=inputs.allow_other_run,
        )
        report = _registered(candidate, gate, inputs, world, config)
    said = tuple(Note(text=text) for text in (*model.notes, *_remarks(candidate, gate)))
    return replace(report, sections=(*report.sections, *card_of(candidate, gate).tables, *said))


def _registered(candidate: Candidate, gate: GateClaim, inputs: Inputs, world: World, config: Config) -> Report:
    operations = plan(candidate, gate)
    records = world.records(_uri(inputs, config))
    check_first_release(gate, operations[0].version, records)
    receipt = apply(operations, records, say=world.say, again=_again(inputs), dry_run=inputs.dry_run)
    if inputs.dry_run:
        there = records.registry.snapshot(candidate.name).with_key(operations[0].version.key)
        return _planned(receipt, candidate, there)
    made = Document(output="statement", name="statement.json", text=statement(candidate, gate))
    return replace(_done(receipt, candidate), documents=(made,))


def _uri(inputs: Inputs, config: Config) -> str:
    return config.registry_uri(inputs.registry_uri)


def _other_server(inputs: Inputs, config: Config) -> str:
    """Return the server that a model comes from, without what may be a password; empty for the one it stays on."""
    uri = inputs.from_uri
    if not uri or uri == _uri(inputs, config):
        return ""
    return f"{uri.partition('//')[0]}//{uri.rpartition('@')[2]}" if "@" in uri else uri


def _allowed(inputs: Inputs, config: Config) -> Allowed:
    named = config.registry.allow_callables if config.registry else ()
    return Allowed(callables=frozenset(named), code=inputs.allow_code)


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
        "from-uri": "" if "@" in inputs.from_uri else inputs.from_uri,
        "alias": inputs.alias,
    }
    words = [f"--{name}={value}" for name, value in given.items() if value]
    flags = {"--allow-code": inputs.allow_code, "--allow-other-run": inputs.allow_other_run}
    return shlex.join(["ml-cicd", "register", *words, *(flag for flag, given in flags.items() if given)])


def _remarks(candidate: Candidate, gate: GateClaim) -> Iterator[str]:
    """Name what the gate let through, and where: whoever reads this may not read the gate's own report."""
    if gate.warnings:
        yield f"The gate let through what only warns: {', '.join(gate.warnings)}."
    if elsewhere := judged_elsewhere(candidate, gate):
        yield f"{elsewhere} Taken with allow-other-run."


def _planned(receipt: Receipt, candidate: Candidate, there: ModelVersion | None) -> Report:
    headline = (
        f"Would register {candidate.name}." if there is None else f"Version {there.number} is this model already."
    )
    return Report(
        command="register",
        exit_code=Exit.DONE,
        headline=headline,
        outputs=_outputs(candidate, there, created=False),
        sections=(receipt, *_allowances(candidate)),
    )


def _done(receipt: Receipt, candidate: Candidate) -> Report:
    made = receipt.values(Registered)[0]  # `apply` raises where not even this is there
    version = f"{candidate.name} version {made.version.number}"
    headline = (
        f"Registered {version}, alias {candidate.alias}."
        if made.created
        else f"{version} was there already, alias {candidate.alias}."
    )
    if receipt.problem:
        left = "its run does not say so" if receipt.values(str) else "the alias is not set"
        headline = f"Version {made.version.number} is there, but {left}: {receipt.problem}"
    return Report(
        command="register",
        exit_code=Exit.PARTLY if receipt.problem else Exit.DONE,
        headline=headline,
        outputs=_outputs(candidate, made.version, created=made.created),
        cure=f"To finish: {'; '.join(receipt.cures)}" if receipt.cures else "",
        sections=(receipt, *_allowances(candidate)),
    )


def _allowances(candidate: Candidate) -> Iterator[Note]:
    """Say what had to be allowed, in every report of it."""
    callables, code = sorted(candidate.look.allowed.callables), candidate.look.code
    if callables:
        yield Note(text=f"Taken with registry.allow_callables: {', '.join(callables)}.")
    if code:
        yield Note(text=f"Taken with allow-code, {len(code)} file(s) of code: {', '.join(code)}.")


def _outputs(candidate: Candidate, version: ModelVersion | None, *, created: bool) -> dict[str, str]:
    return {
        "version": "" if version is None else version.number,
        "model-uri": "" if version is None else version.uri,
        "digest": candidate.digest,
        "statement": "",
        "created": str(created).lower(),
    }


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run, needs=NEEDS)
