"""Hold files against their published schemas: configurations and reports."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.finding import Finding, Outcome, Verdict, worst
from ml_cicd.ground.inputs import Command, CommonInputs, names_in, option
from ml_cicd.ground.report import Findings, Report
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {"valid": "true when every file is what its schema says."}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `validate`."""

    files: str = option("Files to check, one a line: ml-cicd.yml or report.json; empty for the input config.")


def run(inputs: Inputs, world: World) -> Report:
    """Check every file, whatever the others are."""
    paths = list(dict.fromkeys(names_in(inputs.files) or [inputs.config]))
    if "" in paths:
        raise InputError("The name of a file is empty.", cure="Check the variable that it comes from.")
    findings = world.validate(paths)
    wrong = [finding for finding in findings if finding.outcome is not Outcome.PASS]
    files = list(dict.fromkeys(finding.rule for finding in wrong))
    count = f"{len(paths)} file{'s' * (len(paths) != 1)}"
    return Report(
        command="validate",
        exit_code=Exit.INPUT if wrong else Exit.DONE,
        headline=f"{len(files)} of {count} {'is' if len(files) == 1 else 'are'} not valid: {', '.join(files)}."
        if files
        else f"{count} checked: valid.",
        cure=_cure(wrong),
        outputs={"valid": str(not wrong).lower()},
        sections=(Findings(verdict=Verdict(outcome=worst(findings), findings=findings)),),
    )


def _cure(wrong: list[Finding]) -> str:
    if len(wrong) == 1:
        return wrong[0].cure
    return "Do what each finding says." if wrong else ""


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error={"valid": "false"}, run=run, files="files")
