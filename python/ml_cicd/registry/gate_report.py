"""What a gate report claims. A report is a file that anybody can edit: it is believed as far as its own digest and
findings bear it out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.errors import EvidenceError, IntegrityError, MlCicdError, NotPassing
from ml_cicd.ground.finding import VERDICT_FORMAT, Outcome, Scope, Severity, Verdict, verdict_record
from ml_cicd.ground.parse import as_list, as_mapping, as_text, describe, optional, required
from ml_cicd.ground.report import REPORT_SCHEMA

CURE = "Give the report.json that `ml-cicd quality-gate --model ...` wrote."
LARGEST_REPORT = 4 * 2**20
LONGEST_HEADLINE = 300
MILLISECONDS = "ms"
OF_A_TIME = ("rule", "subject", "demand", "limit", "unit")


@dataclass(frozen=True, kw_only=True, slots=True)
class GateClaim:
    """What a gate report says: the outcome, the rules that block, and the digests it is bound to.

    `text` is the verdict's record as JSON, for the registry; `digest` is recomputed from it, and `steady` is the digest
    of what a second look at the same evidence would say again: all but what a clock measured. `first_release` says that
    a rule which compares with the champion was passed over because nobody gave one; `warnings` are rules that did
    not pass and only warn. `run` is the address of the workflow run that judged, outside the digest: the same evidence
    judged elsewhere gives the same verdict.
    """

    outcome: Outcome
    blocking: tuple[str, ...]
    model: str
    commit: str
    digest: str
    steady: str
    text: str
    first_release: bool = False
    warnings: tuple[str, ...] = ()
    run: str = ""


def read_gate_report(text: str, path: str) -> GateClaim:
    """Read report.json of `ml-cicd quality-gate`; `path` is for messages.

    Raises:
        EvidenceError: not such a report, or a verdict in a format that this version does not know.
        NotPassing: a report without a verdict.
        IntegrityError: its digest is not the digest of its verdict, or it contradicts its own findings.
    """
    try:
        report = as_mapping(json.loads(text, parse_constant=_refuse_constant), path)
        return replace(_claim(_verdict(report, path), f"{path}: verdict"), run=_run(report, path))
    except (EvidenceError, NotPassing):
        raise
    except (ValueError, RecursionError, MlCicdError) as problem:
        raise EvidenceError(f"{path} is not a gate report: {problem}", cure=CURE) from problem


def claim_of(verdict: Verdict, run: str = "") -> GateClaim:
    """Return what a verdict in memory says; `run` is this workflow run."""
    record = verdict_record(verdict)
    findings = _findings(record, "verdict")
    return GateClaim(
        outcome=verdict.outcome,
        blocking=verdict.blocking,
        model=verdict.bindings.model,
        commit=verdict.bindings.commit,
        digest=verdict.digest,
        steady=canonical_digest({**record, "findings": [_steady(found) for found in findings]}),
        text=_as_json(record),
        first_release=any(_lacks_champion(found) for found in findings),
        warnings=verdict.warnings,
        run=run,
    )


def _run(report: Mapping[str, object], path: str) -> str:
    details = optional(report, "details", as_mapping, path) or {}
    return _text_or_nothing(details, "run")


def _verdict(report: Mapping[str, object], path: str) -> Mapping[str, object]:
    command = report.get("command")
    if (report.get("schema"), command) != (REPORT_SCHEMA, "quality-gate"):
        raise EvidenceError(f"{path} is not a report of the quality gate, but of {describe(command)}.", cure=CURE)
    if report.get("verdict") is None:
        headline = str(report.get("headline", ""))[:LONGEST_HEADLINE]
        raise NotPassing(f"The gate gave no verdict: {headline}", cure="Run the gate again, then register.")
    return as_mapping(report["verdict"], f"{path}: verdict")


def _claim(stated: Mapping[str, object], path: str) -> GateClaim:
    _check_format(stated, path)
    record = {key: value for key, value in stated.items() if key != "digest"}
    # Over the record as it stands, not over what is read from it: names that this version ignores are signed too.
    digest = canonical_digest(record)
    if required(stated, "digest", as_text, path) != digest:
        raise IntegrityError(
            f"{path}: its digest is {stated['digest']}, but its content has {digest}.",
            cure="Somebody changed the report; run the gate again.",
        )
    bindings = required(stated, "bindings", as_mapping, path)
    findings = _findings(stated, path)
    blocking = tuple(str(found.get("rule")) for found in findings if _blocks(found))
    outcome = Outcome(required(stated, "outcome", as_text, path))
    # A digest is no signature: whoever writes a verdict by hand can compute it, so the findings must agree as well.
    if outcome is Outcome.PASS and (blocking or not findings):
        raise IntegrityError(
            f"{path} says pass, but not every blocking rule passed.",
            cure="Somebody wrote it by hand; run the gate again.",
        )
    return GateClaim(
        outcome=outcome,
        blocking=blocking,
        model=_text_or_nothing(bindings, "model"),
        commit=_text_or_nothing(bindings, "commit"),
        digest=digest,
        steady=canonical_digest({**record, "findings": [_steady(found) for found in findings]}),
        text=_as_json(record),
        first_release=any(_lacks_champion(found) for found in findings),
        warnings=tuple(
            str(found.get("rule")) for found in findings if found.get("outcome") != Outcome.PASS and not _blocks(found)
        ),
    )


def _findings(stated: Mapping[str, object], path: str) -> list[Mapping[str, object]]:
    return [as_mapping(f, f"{path}.findings") for f in required(stated, "findings", as_list, path)]


def _steady(found: Mapping[str, object]) -> Mapping[str, object]:
    """Leave of a time what was demanded: that it was measured anew is no other verdict."""
    return {name: found.get(name) for name in OF_A_TIME} if found.get("unit") == MILLISECONDS else found


def _lacks_champion(found: Mapping[str, object]) -> bool:
    """Whether a comparison was passed over: it is missing, and stops nothing."""
    subject = found.get("subject")
    changes = isinstance(subject, Mapping) and subject.get("scope") == Scope.CHANGE.value
    return changes and found.get("outcome") == Outcome.MISSING.value and not _blocks(found)


def _check_format(stated: Mapping[str, object], path: str) -> None:
    """Ask for the format before the digest: another format may say otherwise what the digest covers."""
    if stated.get("format") != VERDICT_FORMAT:
        raise EvidenceError(
            f"{path}: its format is {describe(stated.get('format'))}, but this version reads {VERDICT_FORMAT!r}.",
            cure="Run `ml-cicd quality-gate --model ...` again with the version that registers.",
        )


def _blocks(found: Mapping[str, object]) -> bool:
    """Whether a finding stops the candidate; one that does not say that it only warns does."""
    return found.get("outcome") != Outcome.PASS.value and found.get("severity") != Severity.WARN.value


def _as_json(record: Mapping[str, object]) -> str:
    return json.dumps(record, sort_keys=True, allow_nan=False)


def _text_or_nothing(mapping: Mapping[str, object], key: str) -> str:
    return optional(mapping, key, lambda value, path: as_text(value, path) if value else "", "bindings") or ""


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")
