"""What people read of a registered version."""

import json
from dataclasses import replace

import pytest

from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.finding import Bindings, Finding, Outcome, Severity, Verdict
from ml_cicd.registry.card import LONGEST_DESCRIPTION, card, metrics_of
from ml_cicd.registry.gate_report import claim_of

RULE = Finding(
    rule="accuracy",
    outcome=Outcome.PASS,
    reason="it holds",
    demand=">= 0.95",
    value=0.97,
    lower=0.9628,
    upper=0.9999999,
    n=2000,
)
WARNS = Finding(
    rule="recall on <b>|x`=1", outcome=Outcome.INCONCLUSIVE, severity=Severity.WARN, reason="", value=0.5, demand="<= 3"
)
VERDICT = Verdict(
    outcome=Outcome.PASS,
    findings=(RULE, WARNS),
    bindings=Bindings(model="sha256:m", data={"predictions": "sha256:d"}, policy="sha256:p", commit="abc"),
)
RECORD = claim_of(VERDICT).text
LINEAGE = {"model": "sha256:m", "commit": "abc", "workflow": "https://github.com/o/r/actions/runs/1", "format": ""}


def test_it_says_rules_and_lineage() -> None:
    """Each rule with demand, estimate and bounds, each digest, commit and run; what is empty is left out."""
    text = card(RECORD, LINEAGE).description
    assert "| accuracy | pass | >= 0.95 | 0.97 | 0.9628 | 0.9999999 | 2,000 |" in text
    assert "| inconclusive (only warns) | &lt;= 3 |" in text
    for line in ("- model: `sha256:m`", "- data, predictions: `sha256:d`", "- policy: `sha256:p`", "- commit: `abc`"):
        assert line in text
    assert "- workflow: https://github.com/o/r/actions/runs/1" in text
    assert "format" not in text


def test_nothing_in_it_is_markup() -> None:
    """A rule's name is anybody's text: it opens no tag and ends neither cell nor code span."""
    text = card(RECORD, {"model": "a`b|<i>"}).description
    assert "<b>" not in text
    assert "<i>" not in text
    assert "recall on &lt;b>/x'=1" in text


def test_it_fits_into_a_registry() -> None:
    """However many rules and files there are: what is cut is counted, and lineage is kept before rules."""
    many = replace(
        VERDICT,
        findings=tuple(replace(RULE, rule=f"accuracy on slice={n}") for n in range(500)),
        bindings=replace(VERDICT.bindings, data={f"part-{n}": "sha256:" + "0" * 64 for n in range(3)}),
    )
    text = card(claim_of(many).text, LINEAGE).description
    assert len(text) <= LONGEST_DESCRIPTION
    assert "part-2" in text
    assert "more lines: see the tag mlcicd.gate_report" in text


def test_a_run_shows_the_numbers() -> None:
    """Value and bounds, each under a name that MLflow takes; a number that is not there is left out."""
    assert metrics_of(RECORD) == {
        "gate.accuracy": 0.97,
        "gate.accuracy.low": 0.9628,
        "gate.accuracy.high": 0.9999999,
        "gate.recall on _b_x_1": 0.5,
    }


@pytest.mark.parametrize(
    "record",
    ["", "x", "[]", "{}", '{"findings": 1, "bindings": {}}', '{"findings": [{"rule": 1}], "bindings": {}}', "[" * 9999],
)
def test_what_is_no_record_is_an_error(record: str) -> None:
    """A report that was written by hand, or a tag that somebody edited, is exit 3 and no bug."""
    with pytest.raises(EvidenceError, match="cannot be read"):
        metrics_of(record)
    with pytest.raises(EvidenceError, match="cannot be read"):
        card(record, {})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", True])
def test_what_is_no_number_is_an_error(value: object) -> None:
    """It would be shown as one."""
    edited = json.loads(RECORD)
    edited["findings"][0]["value"] = value
    with pytest.raises(EvidenceError):
        metrics_of(json.dumps(edited))
