"""Whether a model may be registered, and what that takes: a passing gate report for exactly these bytes."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ml_cicd.domain.model import (
    CHAMPION,
    TAG_COMMIT,
    TAG_DIGEST,
    TAG_GATE_DIGEST,
    TAG_GATE_REPORT,
    TAG_GATE_VERDICT,
    TAG_KEY,
    TAG_RUN,
)
from ml_cicd.domain.operation import Operation, RegisterVersion, SetAlias
from ml_cicd.domain.policy import Severity
from ml_cicd.domain.verdict import Outcome, Verdict, canonical_digest
from ml_cicd.errors import EvidenceError, InputError, IntegrityError, MlCicdError, NotPassing
from ml_cicd.parse import as_list, as_mapping, as_text, describe, optional, required

SCHEMA = "ml-cicd/report/v1"
CURE = "Give the report.json that `ml-cicd quality-gate --model ...` wrote."
LARGEST_TAG = 90_000
LARGEST_REPORT = 4 * 2**20
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
NAME = re.compile(r"[\w][\w .-]{0,199}")
RESERVED = re.compile(r"latest|v[0-9]+", re.IGNORECASE)
LEDGER_SUFFIX = "--deployments"
MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class GateClaim:
    """What a gate report says: the outcome, the rules that block, and the digests it is bound to.

    `text` is the verdict as JSON, for the registry; `digest` is recomputed from it.
    """

    outcome: Outcome
    blocking: tuple[str, ...]
    model: str
    commit: str
    digest: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The model that asks to be registered. `violations` are what in its files could run code when loaded."""

    name: str
    alias: str
    folder: str
    digest: str
    violations: tuple[str, ...]
    commit: str
    run_url: str


def read_gate_report(text: str, path: str) -> GateClaim:
    """Read report.json of `ml-cicd quality-gate`.

    Raises:
        EvidenceError: not such a report, or one without a verdict.
        IntegrityError: its digest is not the digest of its verdict.
    """
    try:
        report = as_mapping(json.loads(text, parse_constant=_refuse_constant), path)
        return _claim(_verdict(report, path), f"{path}: verdict")
    except (EvidenceError, NotPassing):
        raise
    except (ValueError, RecursionError, MlCicdError) as problem:
        raise EvidenceError(f"{path} is not a gate report: {problem}", cure=CURE) from problem


def _verdict(report: Mapping[str, object], path: str) -> Mapping[str, object]:
    command = report.get("command")
    if (report.get("schema"), command) != (SCHEMA, "quality-gate"):
        raise EvidenceError(f"{path} is not a report of the quality gate, but of {describe(command)}.", cure=CURE)
    if report.get("verdict") is None:
        headline = str(report.get("headline", ""))[:300]
        raise NotPassing(f"The gate gave no verdict: {headline}", cure="Run the gate again, then register.")
    return as_mapping(report["verdict"], f"{path}: verdict")


def _claim(stated: Mapping[str, object], path: str) -> GateClaim:
    verdict = {key: value for key, value in stated.items() if key != "digest"}
    digest = canonical_digest(verdict)
    if required(stated, "digest", as_text, path) != digest:
        raise IntegrityError(
            f"{path}: its digest is {stated['digest']}, but its content has {digest}.",
            cure="Somebody changed the report; run the gate again.",
        )
    bindings = required(stated, "bindings", as_mapping, path)
    findings = [as_mapping(f, f"{path}.findings") for f in required(stated, "findings", as_list, path)]
    blocking = tuple(
        str(f.get("rule"))
        for f in findings
        if f.get("outcome") != Outcome.PASS.value and f.get("severity") != Severity.WARN.value
    )
    outcome = Outcome(required(stated, "outcome", as_text, path))
    if outcome is Outcome.PASS and (blocking or not findings):
        raise IntegrityError(
            f"{path} says pass, but not every blocking rule passed.",
            cure="Somebody wrote it by hand; run the gate again.",
        )
    return GateClaim(
        outcome=outcome,
        blocking=blocking,
        model=_plain(bindings, "model"),
        commit=_plain(bindings, "commit"),
        digest=digest,
        text=json.dumps(verdict, sort_keys=True),
    )


def claim_of(verdict: Verdict) -> GateClaim:
    """Return what a verdict in memory says."""
    return GateClaim(
        outcome=verdict.outcome,
        blocking=verdict.blocking,
        model=verdict.bindings.model,
        commit=verdict.bindings.commit,
        digest=verdict.digest,
        text=json.dumps(asdict(verdict), sort_keys=True, allow_nan=False),
    )


def check_names(name: str, alias: str) -> None:
    """Refuse names that would pass for something else.

    Raises:
        InputError: a ledger's name, an alias that only a promotion may set, or one that MLflow reserves.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be a model's name.", cure="Use letters, digits, spaces, _ . and -.")
    if name.casefold().endswith(LEDGER_SUFFIX):
        raise InputError(f"{name!r} is the name of a ledger.", cure=f"Choose a model name without {LEDGER_SUFFIX}.")
    if alias.casefold() == CHAMPION or alias.casefold().startswith(f"{CHAMPION}-"):
        raise InputError(
            f"Alias {alias!r} says what serves; only a promotion sets it.",
            cure="Register as challenger, then run canary.",
        )
    if not ALIAS.fullmatch(alias) or RESERVED.fullmatch(alias):
        raise InputError(f"{alias!r} cannot be an alias.", cure="Use letters, digits, _ and -; not latest, not v1.")


def plan(candidate: Candidate, gate: GateClaim) -> tuple[Operation, ...]:
    """Return what registers `candidate`, or refuse it.

    Both operations are safe to repeat, so the plan is the same whether the version exists or not.

    Raises:
        InputError: a bad name, or a model that could run code when loaded.
        NotPassing: the gate did not pass.
        IntegrityError: the gate judged other bytes.
    """
    check_names(candidate.name, candidate.alias)
    if gate.outcome is not Outcome.PASS:
        rules = f": {', '.join(gate.blocking)}" if gate.blocking else ""
        raise NotPassing(
            f"The gate's verdict is {gate.outcome.value}{rules}.", cure="Only a model that passes is registered."
        )
    if not gate.model:
        raise IntegrityError(
            "The gate report is bound to no model.",
            cure="Run the gate with the input model, so that it names its digest.",
        )
    if gate.model != candidate.digest:
        raise IntegrityError(
            f"The gate judged {gate.model}, but {candidate.folder} is {candidate.digest}.",
            cure="Run the gate on this model, or give the model that was judged.",
        )
    if gate.commit and candidate.commit and gate.commit != candidate.commit:
        raise IntegrityError(
            f"The gate judged commit {gate.commit[:12]}, but this is {candidate.commit[:12]}.",
            cure="Run the gate again on this commit.",
        )
    if candidate.violations:
        shown = "; ".join(candidate.violations[:MOST_SHOWN])
        raise InputError(
            f"Loading {candidate.folder} could run code: {shown}.",
            cure="Save the model with mlflow.pytorch (pt2, its default), without code paths or pickles.",
        )
    key = registration_key(candidate, gate)
    return (
        RegisterVersion(
            name=candidate.name, folder=candidate.folder, digest=candidate.digest, key=key, tags=_tags(candidate, gate)
        ),
        SetAlias(name=candidate.name, alias=candidate.alias, version=""),
    )


def registration_key(candidate: Candidate, gate: GateClaim) -> str:
    """Name these bytes judged by this verdict: a version exists at most once per key."""
    return f"{candidate.digest}:{gate.digest}"


def _tags(candidate: Candidate, gate: GateClaim) -> dict[str, str]:
    tags = {
        TAG_DIGEST: candidate.digest,
        TAG_KEY: registration_key(candidate, gate),
        TAG_GATE_DIGEST: gate.digest,
        TAG_GATE_VERDICT: gate.outcome.value,
        TAG_GATE_REPORT: gate.text if len(gate.text) <= LARGEST_TAG else "",
        TAG_COMMIT: gate.commit or candidate.commit,
        TAG_RUN: candidate.run_url,
    }
    return {name: value for name, value in tags.items() if value}


def _plain(mapping: Mapping[str, object], key: str) -> str:
    return optional(mapping, key, lambda v, p: as_text(v, p) if v else "", "bindings") or ""


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")
