"""A report on its three faces: what comes from outside stays text on each of them."""

import json
from dataclasses import replace

import pytest

from ml_cicd.domain.operation import Done, Receipt
from ml_cicd.domain.policy import Severity
from ml_cicd.domain.report import Report, Table
from ml_cicd.domain.verdict import Bindings, Finding, Outcome, Verdict, canonical_digest
from ml_cicd.errors import Exit
from ml_cicd.render.json_v1 import to_json
from ml_cicd.render.markdown import escape, to_markdown
from ml_cicd.render.terminal import to_terminal
from ml_cicd.render.words import estimate, number

HOSTILE = "<img src=x onerror=alert(1)> @team [click](http://evil) | ``` ${{ x }} \x1b[31m\n## forged\n::error::x"
FINDING = Finding(
    rule="accuracy",
    outcome=Outcome.FAIL,
    severity=Severity.BLOCK,
    demand=">= 0.95",
    reason=HOSTILE,
    value=0.9,
    lower=0.88,
    upper=0.92,
    n=2000,
)
VERDICT = Verdict(
    outcome=Outcome.FAIL,
    findings=(FINDING,),
    bindings=Bindings(model="", data={"predictions": "sha256:1"}, policy="sha256:2", commit="abc"),
)
REPORT = Report(
    command="quality-gate",
    exit_code=Exit.FAILED,
    headline=f"Failed: {HOSTILE}",
    cure=HOSTILE,
    outputs={"verdict": "fail"},
    verdict=VERDICT,
    receipt=Receipt(
        done=(Done(what=HOSTILE, result="ok", changed=True),),
        not_done=(HOSTILE,),
        problem=HOSTILE,
        cures=("ml-cicd x",),
    ),
    tables=(Table(title=HOSTILE, header=("a", HOSTILE), rows=(("1", HOSTILE),)),),
    notes=(HOSTILE,),
)


def test_markdown_has_no_live_markup() -> None:
    """No HTML but our own, no mention, no link, no heading or row that the text made."""
    text = to_markdown(REPORT)
    assert "<img" not in text
    assert "@team" not in text
    assert "](http" not in text
    assert "://" not in text.replace(":\u200b//", "")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert [h.split(" ")[0] for h in headings] == ["##", "###", "###"]
    assert all(line.count(" | ") == 6 for line in text.splitlines() if line.startswith("| ") and "accuracy" in line)


def test_the_terminal_gets_no_escape_sequence() -> None:
    """Without colour there is not one escape character; with colour only our own."""
    assert "\x1b" not in to_terminal(REPORT, colour=False, width=100)
    coloured = to_terminal(REPORT, colour=True, width=100)
    assert coloured.count("\x1b[31m") == 2
    assert coloured.count("\x1b[0m") == 2
    assert coloured.count("\x1b") == 4


def test_json_can_be_checked_by_anybody() -> None:
    """The digest is over the verdict without it, by a rule that three lines of any language can follow."""
    report = json.loads(to_json(REPORT, tool_version="0", outputs={"verdict": "fail"}))
    stated = report["verdict"].pop("digest")
    assert stated == canonical_digest(report["verdict"]) == VERDICT.digest


def test_json_refuses_nan() -> None:
    """A number that is none never reaches a report."""
    bad = replace(VERDICT, findings=(replace(FINDING, value=float("nan")),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(replace(REPORT, verdict=bad), tool_version="0", outputs={})


def test_long_text_is_cut() -> None:
    """A cell holds 500 characters at most."""
    assert len(escape("x" * 100_000)) == 500


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.95, "0.9500"), (-0.01, "-0.0100"), (41.5, "41.50"), (12345.678, "12,345.68")]
)
def test_numbers(value: float | None, text: str) -> None:
    """Four digits below ten, two above, a dash for none."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [(0.88, 0.92, "0.9000 [0.8800, 0.9200]"), (None, None, "0.9000"), (0.9, None, "0.9000 [0.9000, inf]")],
)
def test_estimates(lower: float | None, upper: float | None, text: str) -> None:
    """Bounds where there are any."""
    assert estimate(replace(FINDING, lower=lower, upper=upper)) == text
