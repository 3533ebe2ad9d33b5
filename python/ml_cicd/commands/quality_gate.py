"""Judge a candidate: inputs -> evidence -> verdict, bound to the digests of all that went in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.decide.gate import judge
from ml_cicd.decide.policy import build_policy, policy_mapping
from ml_cicd.domain.config import Config, GateConfig
from ml_cicd.domain.evidence import EvidenceRequest
from ml_cicd.domain.policy import Policy, WhenNoChampion
from ml_cicd.domain.report import Report
from ml_cicd.domain.verdict import Bindings, Outcome, Verdict, canonical_digest
from ml_cicd.errors import Exit, InputError
from ml_cicd.parse import as_mapping
from ml_cicd.ports import Files, World
from ml_cicd.spec import CommonInputs, option
from ml_cicd.yaml_text import read_yaml

TITLE = "Judge a candidate: pass, fail or inconclusive."
OUTPUTS: Mapping[str, str] = {
    "verdict": "pass, fail, inconclusive or error.",
    "passed": "true only when the verdict is pass.",
    "blocking": "JSON list of the rules that stop the candidate.",
    "model-digest": "Payload digest of the model that the verdict is bound to; empty without the input model.",
}
ON_ERROR: Mapping[str, str] = {"verdict": "error", "passed": "false", "blocking": "[]"}

EXITS: dict[Outcome, Exit] = {
    Outcome.PASS: Exit.DONE,
    Outcome.FAIL: Exit.FAILED,
    Outcome.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Outcome.MISSING: Exit.EVIDENCE,
    Outcome.ERROR: Exit.EVIDENCE,
}
HEADLINES: dict[Outcome, str] = {
    Outcome.PASS: "The candidate passes.",
    Outcome.FAIL: "The candidate fails",
    Outcome.INCONCLUSIVE: "The evidence does not settle the matter",
    Outcome.MISSING: "The evidence does not have what the policy demands",
    Outcome.ERROR: "The gate could not judge",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `quality-gate`."""

    predictions: str = option("Prediction table of the candidate: parquet, csv or jsonl.", path=True)
    metrics: str = option("Metrics file (JSON), instead of predictions.", path=True)
    thresholds: str = option("Thresholds as YAML text, e.g. 'accuracy: 0.95'; replaces the configuration's.")
    champion: str = option("Prediction table of the champion on the same rows.", path=True)
    model: str = option("Folder or file of the model; the verdict is bound to its digest.", path=True)
    when_inconclusive: str = option("What inconclusive means: fail or warn.", choices=("fail", "warn"))
    when_no_champion: str = option(
        "What a missing champion means: fail, or first_release for a first model.", choices=("fail", "first_release")
    )


def run(inputs: Inputs, world: World) -> Report:
    """Judge, and bind the verdict to the bytes it speaks of."""
    config = world.config(inputs.config, required=False)
    policy = read_policy(inputs, config)
    request = evidence_request(inputs, config, policy, world.files)
    digest = world.files.payload_digest(inputs.model) if inputs.model else ""
    evidence = world.evaluator().evaluate(request)
    bindings = Bindings(
        model=digest,
        data=dict(sorted(evidence.digests.items())),
        policy=canonical_digest(policy_mapping(policy)),
        commit=world.commit,
    )
    passed_over = config.evidence.champion if policy.compares and request.champion is None else None
    notes = (f"{passed_over} is not there, so this is judged as a first release.",) if passed_over else ()
    return report(judge(policy, evidence, bindings), notes)


def read_policy(inputs: Inputs, config: Config) -> Policy:
    """Merge inputs and configuration into the policy; inputs win."""
    gate = config.gate or GateConfig(
        thresholds={}, versus_champion={}, confidence=0.95, when_inconclusive="fail", when_no_champion="fail"
    )
    gate = replace(
        gate,
        when_inconclusive=inputs.when_inconclusive or gate.when_inconclusive,
        when_no_champion=inputs.when_no_champion or gate.when_no_champion,
    )
    where = "input thresholds"
    given = as_mapping(read_yaml(inputs.thresholds, where).value, where) if inputs.thresholds else None
    if given is not None and not given:
        raise InputError("The input thresholds is empty, so it would pass anything.", cure="Give at least one.")
    return build_policy(gate, thresholds=given, where=where)


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
    predictions = inputs.predictions if named else config.evidence.predictions
    metrics = inputs.metrics if named else config.evidence.metrics
    if not predictions and not metrics:
        raise InputError(
            "There is no evidence.",
            cure="Give the input predictions or metrics, or evidence.predictions in the configuration.",
        )
    return EvidenceRequest(
        predictions=None if metrics else predictions,
        metrics=metrics or None,
        champion=inputs.champion or _configured_champion(config, policy, files),
        columns=config.evidence.columns,
        wanted=frozenset((rule.scope, rule.metric.name) for rule in policy.rules),
        confidence=policy.confidence,
    )


def _configured_champion(config: Config, policy: Policy, files: Files) -> str | None:
    """The configuration names a champion's table that a first release does not have yet."""
    path = config.evidence.champion
    first = policy.when_no_champion is WhenNoChampion.FIRST_RELEASE
    return None if path and first and not files.exists(path) else path


def report(verdict: Verdict, notes: tuple[str, ...]) -> Report:
    """Lay the verdict out."""
    outcome = verdict.outcome
    headline = HEADLINES[outcome]
    if verdict.blocking:
        headline += f": {', '.join(verdict.blocking)}."
    shown = outcome.value if outcome is not Outcome.MISSING else Outcome.ERROR.value
    return Report(
        command="quality-gate",
        exit_code=EXITS[outcome],
        headline=headline,
        cure="" if verdict else _cure(outcome),
        verdict=verdict,
        notes=notes,
        outputs={
            "verdict": shown,
            "passed": str(bool(verdict)).lower(),
            "blocking": json.dumps(list(verdict.blocking)),
            "model-digest": verdict.bindings.model,
        },
    )


def _cure(outcome: Outcome) -> str:
    return {
        Outcome.FAIL: "Improve the model, or change the policy in a reviewed commit.",
        Outcome.INCONCLUSIVE: "Evaluate on more rows; the table says how many.",
    }.get(outcome, "See each rule's reason in the table.")
