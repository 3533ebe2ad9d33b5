"""A passing verdict, and reports as the gate writes them."""

from dataclasses import replace

from ml_cicd.faces.json_v1 import to_json
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Bindings, Finding, Outcome, Severity, Subject, Verdict
from ml_cicd.ground.report import Findings, Report

FINDING = Finding(
    rule="accuracy",
    outcome=Outcome.PASS,
    reason="holds",
    severity=Severity.BLOCK,
    subject=Subject(metric="accuracy"),
    demand=">= 0.9",
    value=0.95,
    n=100,
)
VERDICT = Verdict(
    outcome=Outcome.PASS,
    findings=(FINDING,),
    bindings=Bindings(model="sha256:m", data={"predictions": "sha256:d"}, policy="sha256:p", commit="abc"),
)


RUN = "https://github.com/o/r/actions/runs/7"


def report(verdict: Verdict | None = VERDICT, command: str = "quality-gate", run: str = RUN) -> str:
    """A report as the gate writes it."""
    sections = () if verdict is None else (Findings(verdict=verdict),)
    made = Report(command=command, exit_code=Exit.DONE, headline="It says so.", outputs={}, sections=sections)
    made = replace(made, details={"run": run} if run else {})
    return to_json(made, tool_version="0", outputs={})
