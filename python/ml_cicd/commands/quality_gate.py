"""Judge a candidate: inputs -> evidence -> verdict, bound to the digests of all that went in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.config import Config
from ml_cicd.gate.evidence import EvidenceRequest
from ml_cicd.gate.judgement import judgement
from ml_cicd.gate.policy import Policy, build_policy
from ml_cicd.gate.settings import Columns, GateSettings, WhenInconclusive, WhenNoChampion
from ml_cicd.ground.errors import EvidenceError, Exit, InputError
from ml_cicd.ground.finding import Outcome, Verdict
from ml_cicd.ground.inputs import Command, CommonInputs, Needs, option
from ml_cicd.ground.parse import as_mapping
from ml_cicd.ground.report import Findings, Note, Report
from ml_cicd.ground.yaml_text import read_yaml
from ml_cicd.registry.addresses import MODEL_FORMS
from ml_cicd.world import Files, World

OUTPUTS: Mapping[str, str] = {
    "verdict": "pass, fail, inconclusive or error.",
    "passed": "true only when the verdict is pass.",
    "blocking": "JSON list of the rules that stop the candidate.",
    "warnings": "JSON list of the rules that do not pass and only warn.",
    "model-digest": "Payload digest of the model that the verdict is bound to; empty without the input model.",
}
ON_ERROR: Mapping[str, str] = {"verdict": "error", "passed": "false", "blocking": "[]", "warnings": "[]"}
NEEDS = Needs(first="gate", later=("registry", "sqlite"))  # these only for a model that a server holds

EXITS: dict[Outcome, Exit] = {
    Outcome.PASS: Exit.DONE,
    Outcome.FAIL: Exit.FAILED,
    Outcome.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Outcome.MISSING: Exit.EVIDENCE,
    Outcome.ERROR: Exit.EVIDENCE,
}
HEADLINES: dict[Outcome, str] = {
    Outcome.PASS: "The candidate passes",
    Outcome.FAIL: "The candidate fails",
    Outcome.INCONCLUSIVE: "The evidence does not settle the matter",
    Outcome.MISSING: "The evidence does not have what the policy demands",
    Outcome.ERROR: "The gate could not judge",
}
LET_THROUGH: dict[Outcome, tuple[str, str]] = {  # of one rule, of several
    Outcome.FAIL: ("fails", "fail"),
    Outcome.INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
    Outcome.MISSING: ("is not measured", "are not measured"),
    Outcome.ERROR: ("cannot be judged", "cannot be judged"),
}
CURES: dict[Outcome, str] = {
    Outcome.PASS: "",
    Outcome.FAIL: "Improve the model, or change the policy in a reviewed commit.",
    Outcome.INCONCLUSIVE: "Evaluate on more rows, or ask for less; each rule says what would do.",
    Outcome.MISSING: "Add what is missing to the evidence; each rule says what it misses.",
    Outcome.ERROR: "Mend the evidence; each rule says what is wrong with it.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `quality-gate`."""

    predictions: str = option(
        "Prediction table of the candidate: parquet, CSV or JSON; a file, a folder or a pattern.", path=True
    )
    metrics: str = option("Metrics file, yours or a known tool's, instead of predictions.", path=True)
    thresholds: str = option("Thresholds as YAML text, e.g. 'accuracy: 0.95'; replaces the configuration's.")
    champion: str = option("Prediction table of the champion on the same rows.", path=True)
    positive: str = option("The positive class, e.g. fraud; precision, recall and F1 are of it.")
    model: str = option(f"The model: {MODEL_FORMS}; the verdict is bound to it.", path=True)
    registry_uri: str = option("Registry, for a model on its server; empty for the configuration's.")
    when_inconclusive: str = option("What inconclusive means: fail or warn.", choices=("fail", "warn"))
    when_no_champion: str = option(
        "What a missing champion means: fail, or first_release for a first model.", choices=("fail", "first_release")
    )
    no_champion: bool = option(
        "No champion serves yet, as fetch found, so its table need not be there; what that means stays the policy's.",
        default=False,
    )


def run(inputs: Inputs, world: World) -> Report:
    """Judge, and bind the verdict to the bytes it speaks of."""
    config = world.config(inputs.config, required=False)
    policy = read_policy(inputs, config)
    request = evidence_request(inputs, config, policy, world.files)
    # Before the evidence: a model that is not there should not cost an evaluation.
    model_digest, where = _model(inputs, config, world) if inputs.model else ("", ())
    evidence = world.measure(request)
    verdict = judgement(policy, evidence, model_digest=model_digest, commit=world.commit)
    passed_over = _named_champion(inputs, config) if policy.compares and not request.champion else ""
    first = (f"{passed_over} is not there: no champion serves yet.",) if passed_over else ()
    said = report(replace(verdict, notes=(*where, *first, *verdict.notes)))
    # Beside the verdict: the same evidence judged in another run has the same digest.
    return replace(said, details={"run": world.who.run_url}) if world.who.run_url else said


def _model(inputs: Inputs, config: Config, world: World) -> tuple[str, tuple[str, ...]]:
    """Return the digest of what the verdict is bound to, and what its address meant."""
    with world.models.here(inputs.model, lambda: world.records(config.registry_uri(inputs.registry_uri))) as model:
        return world.models.payload_digest(model.path), model.notes


def read_policy(inputs: Inputs, config: Config) -> Policy:
    """Merge inputs and configuration into the policy; inputs win."""
    gate = config.gate or GateSettings()
    if inputs.when_inconclusive:
        gate = replace(gate, when_inconclusive=WhenInconclusive(inputs.when_inconclusive))
    if inputs.when_no_champion:
        gate = replace(gate, when_no_champion=WhenNoChampion(inputs.when_no_champion))
    where = "input thresholds"
    given = as_mapping(read_yaml(inputs.thresholds, where).value, where) if inputs.thresholds else None
    if given is not None and not given:
        raise InputError("The input thresholds is empty, so it would pass anything.", cure="Give at least one.")
    columns = Columns() if _by_numbers(inputs, config) else config.evidence.columns
    return build_policy(gate, thresholds=given, where=where, positive=_positive(inputs, config), columns=columns)


def _by_numbers(inputs: Inputs, config: Config) -> bool:
    """Whether a metrics file is judged, and no table."""
    return bool(inputs.metrics or (config.evidence.metrics and not inputs.predictions))


def _positive(inputs: Inputs, config: Config) -> str:
    """Return the positive class of a table; what is in a metrics file, only its writer knows."""
    if _by_numbers(inputs, config):
        if inputs.positive:
            raise InputError(
                "A positive class is given, and a metrics file: its numbers are what they are.",
                cure="Leave positive out, or give predictions.",
            )
        return ""  # the configuration's is of the predictions that the input replaces
    return inputs.positive or config.evidence.positive or ""


def evidence_request(inputs: Inputs, config: Config, policy: Policy, files: Files) -> EvidenceRequest:
    """Say what to measure; the inputs' files replace the configuration's."""
    if inputs.predictions and inputs.metrics:
        raise InputError("Both predictions and metrics are given.", cure="Give one of them.")
    if inputs.champion and not policy.compares:
        raise InputError(
            "A champion is given, but no rule compares with it.",
            cure="Add gate.versus_champion to the configuration, e.g. accuracy: {margin: 0.01}, or leave it out.",
        )
    named = bool(inputs.predictions or inputs.metrics)
    predictions = inputs.predictions if named else config.evidence.predictions or ""
    metrics = inputs.metrics if named else config.evidence.metrics or ""
    if not predictions and not metrics:
        raise InputError(
            "There is no evidence.",
            cure="Give the input predictions or metrics, or evidence.predictions in the configuration.",
        )
    return EvidenceRequest(
        predictions=predictions,
        metrics=metrics,
        champion=_champion_of(inputs, config, policy, files),
        columns=policy.columns,
        positive=policy.positive,
        wanted=policy.wanted,
        confidence=policy.confidence,
    )


def _named_champion(inputs: Inputs, config: Config) -> str:
    return inputs.champion or (config.evidence.champion.predictions if config.evidence.champion else "")


def _champion_of(inputs: Inputs, config: Config, policy: Policy, files: Files) -> str:
    """Return the champion's table, which may be absent only where no rule compares, or where somebody who asked says
    that no champion serves.

    Raises:
        EvidenceError: a first model may come in, but it is the table that is missing, or its name is misspelt.
    """
    path = _named_champion(inputs, config)
    pattern = any(mark in path for mark in "*?[")  # one that matches nothing is a mistake in any case
    if not path or pattern or files.exists(path):
        return path
    if inputs.no_champion or not policy.compares:
        return ""
    if policy.when_no_champion is WhenNoChampion.FIRST_RELEASE:
        raise EvidenceError(
            f"{path}, the champion's table, is not there.",
            cure="Check the path; if no champion serves yet, say so: no-champion: true (`ml-cicd fetch` finds out).",
        )
    return path


def report(verdict: Verdict) -> Report:
    """Lay the verdict out, with what was decided for the user."""
    outcome = verdict.outcome
    shown = outcome.value if outcome is not Outcome.MISSING else Outcome.ERROR.value
    return Report(
        command="quality-gate",
        exit_code=EXITS[outcome],
        headline=_headline(verdict),
        outputs={
            "verdict": shown,
            "passed": str(bool(verdict)).lower(),
            "blocking": json.dumps(list(verdict.blocking)),
            "warnings": json.dumps(list(verdict.warnings)),
            "model-digest": verdict.bindings.model,
        },
        cure=CURES[outcome],
        sections=(Findings(verdict=verdict), *(Note(text=note) for note in verdict.notes)),
    )


def _headline(verdict: Verdict) -> str:
    """Say the outcome with the rules behind it; a pass names what it lets through."""
    words = HEADLINES[verdict.outcome]
    if verdict.blocking:
        return f"{words}: {', '.join(verdict.blocking)}."
    if not verdict.warnings:
        return f"{words}."
    nothing = "" if any(found.outcome is Outcome.PASS for found in verdict.findings) else ", though no rule holds"
    parts = [_let_through(verdict, outcome) for outcome in LET_THROUGH]
    tail = "it only warns" if len(verdict.warnings) == 1 else "they only warn"
    return f"{words}{nothing}; {', '.join(filter(None, parts))}: {tail}."


def _let_through(verdict: Verdict, outcome: Outcome) -> str:
    """Say e.g. `2 rules are inconclusive (accuracy, f1_score)`; nothing where there is none."""
    rules = [found.rule for found in verdict.findings if found.warns and found.outcome is outcome]
    one, several = LET_THROUGH[outcome]
    counted = f"1 rule {one}" if len(rules) == 1 else f"{len(rules)} rules {several}"
    return f"{counted} ({', '.join(rules)})" if rules else ""


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run, needs=NEEDS)
