"""Whether a version is still what was registered: one chain from its bytes over its tags to the ledger."""

import json
from collections.abc import Iterator

from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Finding, Outcome, broken, remark
from ml_cicd.ground.parse import as_mapping
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.versions import (
    TAG_DIGEST,
    TAG_GATE_DIGEST,
    TAG_GATE_REPORT,
    TAG_GATE_VERDICT,
    TAG_KEY,
    ModelVersion,
)

WHO = "Somebody changed its tags; use another version, and ask who did."


def verified(version: ModelVersion, held: str, ledger: Ledger) -> tuple[Finding, ...]:
    """Compare what the registry holds, `held`, with each thing that names it; every link of the chain is one finding.

    Tags are claims: whoever may edit them may edit all of them. The ledger has the verdict of each promotion besides.
    """
    return (_bytes(version, held), _key(version), _verdict(version), *_ledger(version, ledger))


def _bytes(version: ModelVersion, held: str) -> Finding:
    if not version.digest:
        return broken("bytes", f"There is no tag {TAG_DIGEST}.", "Choose a version that `ml-cicd register` made.")
    if version.digest != held:
        return broken(
            "bytes",
            f"The registry holds {held}, but the version was registered as {version.digest}.",
            "Somebody changed its artifacts or its tags; use another version, and ask who did.",
        )
    return _good("bytes", f"The registry holds {held}, as the version was registered.")


def _key(version: ModelVersion) -> Finding:
    key = version.tags.get(TAG_KEY, "")
    if not version.digest or not key.startswith(f"{version.digest}:"):
        return broken("key", f"Tag {TAG_KEY} is {key or 'not there'}, which is of no such bytes.", WHO)
    return _good("key", "It was registered under the key of these bytes.")


def _verdict(version: ModelVersion) -> Finding:
    text, digest = version.tags.get(TAG_GATE_REPORT, ""), version.tags.get(TAG_GATE_DIGEST, "")
    if version.tags.get(TAG_GATE_VERDICT) != Outcome.PASS.value or not digest:
        return broken("verdict", "It carries no passing verdict.", "Choose a version that `ml-cicd register` made.")
    if not text:  # it was longer than a tag may be
        return remark("verdict", "The verdict was too long to be kept; its digest is there.", "Look at the gate's run.")
    try:
        record = as_mapping(json.loads(text), TAG_GATE_REPORT)
        bindings = as_mapping(record.get("bindings"), TAG_GATE_REPORT)
        found = canonical_digest(record)
    except (ValueError, RecursionError, InputError):
        return broken("verdict", f"Tag {TAG_GATE_REPORT} cannot be read.", WHO)
    if found != digest:
        return broken("verdict", f"The verdict that is kept has {found}, not {digest}.", WHO)
    if bindings.get("model") != version.digest or record.get("outcome") != Outcome.PASS.value:
        return broken("verdict", "The verdict that is kept is no pass of these bytes.", WHO)
    return _good("verdict", f"The verdict that is kept passes these bytes ({digest}).")


def _ledger(version: ModelVersion, ledger: Ledger) -> Iterator[Finding]:
    """Compare each entry that names a verdict of this version."""
    mine = version.tags.get(TAG_GATE_DIGEST, "")
    entries = [entry for entry in ledger.entries if entry.candidate == version.number and entry.verdict_digest]
    for entry in entries:
        if entry.verdict_digest != mine:
            said = f"Entry {entry.number} ({entry.op.value}, {entry.at}) was written on {entry.verdict_digest}"
            yield broken("ledger", f"{said}, not {mine}.", WHO)
    if entries and all(entry.verdict_digest == mine for entry in entries):
        numbers = ", ".join(entry.number for entry in entries)
        yield _good("ledger", f"What the ledger says of it was written on this verdict (entries {numbers}).")


def _good(rule: str, reason: str) -> Finding:
    return Finding(rule=rule, outcome=Outcome.PASS, reason=reason)
