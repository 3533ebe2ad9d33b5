"""Reports for the tests of faces: one with all kinds of sections, one whose every text is hostile."""

import re

from hypothesis import strategies as st

from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Bindings, Finding, Outcome, Subject, Verdict
from ml_cicd.ground.operation import Done, Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Report, Section, Table, Timeline

# Controls, invisible and reordering characters, lone surrogates, what separates lines, and the private use.
UNSEEN = st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Zs"]) | st.sampled_from(
    "ab \u202e\u2066\ud800\r\x9b"
)
HOSTILE = "<img src=x onerror=alert(1)> @team [click](http://evil) | ``` ${{ x }} \x1b[31m\n## forged\n::error::x"
FINDING = Finding(
    rule="accuracy",
    subject=Subject(metric="accuracy"),
    outcome=Outcome.FAIL,
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
    bindings=Bindings(model="", data={"predictions": "sha256:1"}, policy="sha256:2", commit=HOSTILE),
)
CHECKS = Verdict(
    outcome=Outcome.FAIL,
    findings=(
        Finding(rule="registry", outcome=Outcome.PASS, reason="digits: 3 versions"),
        Finding(rule=HOSTILE, outcome=Outcome.ERROR, reason=HOSTILE, cure=HOSTILE),
    ),
)
RECEIPT = Receipt(
    done=(Done(what=HOSTILE, result="ok", changed=True, value=None),),
    not_done=(HOSTILE,),
    problem=HOSTILE,
    cures=(f"ml-cicd x {HOSTILE}",),
)
SECTIONS: tuple[Section, ...] = (
    Findings(verdict=VERDICT),
    Table(
        title=HOSTILE,
        header=("a", "share", HOSTILE),
        rows=((1234, 12.5, HOSTILE), (None, None, "x")),
        units={"share": "%"},
    ),
    Curve(
        title=HOSTILE, x=HOSTILE, y="log", series={HOSTILE: ((0.0, -1.0), (10.0, 4.0)), "b": ((0.0, 0.0), (5.0, 2.0))}
    ),
    Timeline(title=HOSTILE, moments=(("2026-11-23T14:00:00Z", HOSTILE),)),
    RECEIPT,
    Note(text=HOSTILE),
    Note(text="second"),
    Findings(verdict=CHECKS),
    Receipt(planned=(HOSTILE,)),
)
REPORT = Report(
    command="quality-gate",
    exit_code=Exit.FAILED,
    headline=f"Failed: {HOSTILE}",
    cure=HOSTILE,
    outputs={"verdict": "fail"},
    sections=SECTIONS,
)


def report_of(*sections: Section) -> Report:
    """Return a report that passed and has these sections."""
    return Report(command="x", exit_code=Exit.DONE, headline="Done.", outputs={}, sections=sections)


def live(text: str) -> str:
    """Return Markdown without what GitHub shows as it stands: escaped backquotes, blocks, code spans."""
    without_blocks = re.sub(r"^(```+)\w+\n.*?^\1$", "", text.replace("\\`", ""), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", without_blocks)
