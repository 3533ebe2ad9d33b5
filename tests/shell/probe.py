"""A command whose world is a function that it calls: what it does is up to each test."""

from collections.abc import Callable
from dataclasses import dataclass

from ml_cicd.ground.errors import Exit
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.report import Report

OUTPUTS = {"verdict": "What was found.", "count": "How many."}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `probe`."""

    mode: str = option("How it looks, 100 % sure.", default="calm", choices=("calm", "wild"))
    keen: bool = option("Whether it is keen.", default=False)
    files: str = option("Files, one a line.", default="one.yml")


def done(**changes: object) -> Report:
    """Return a report that passed."""
    outputs = {"verdict": "pass", "count": "1"}
    given = {"command": "probe", "exit_code": Exit.DONE, "headline": "Done.", "outputs": outputs, **changes}
    return Report(**given)  # type: ignore[arg-type]


def run(inputs: Inputs, world: Callable[[Inputs], Report]) -> Report:
    """Do what the test says."""
    return world(inputs)


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error={"verdict": "error"}, run=run, files="files")
