"""Parse, wire, run, publish, exit: the same for every command and every face."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ml_cicd import __version__
from ml_cicd.command_line import Request, read_arguments
from ml_cicd.commands.table import CommandModule, load
from ml_cicd.domain.report import Report
from ml_cicd.errors import Exit, InputError, MlCicdError
from ml_cicd.github.commands import harmless
from ml_cicd.ports import World
from ml_cicd.publish import forget, publish
from ml_cicd.spec import CommonInputs, read_inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """What a run has of its process."""

    environ: Mapping[str, str]
    make_world: Callable[[Callable[[str], None]], World]


def main(argv: Sequence[str], process: Process) -> int:
    """Run one command and return its exit code; the report is on disk before this returns."""
    request = read_arguments(argv, process.environ)
    if isinstance(request, int):
        return request
    interruption = _Interruption()
    report, inputs = _run(request, process)
    interruption.ignore()  # the outcome is there: a signal must not cut its report in two
    return publish(report, request, report_dir=inputs.report_dir, environ=process.environ)


def _run(request: Request, process: Process) -> tuple[Report, CommonInputs]:
    inputs = CommonInputs()
    outputs: dict[str, str] = {}
    try:
        module = load(request.command)
        outputs = outputs_on_error(module)
        texts = dict(request.texts)
        inputs = CommonInputs(report_dir=texts.get("report-dir", ""))
        inputs = read_inputs(module.Inputs, texts)
        _enter(inputs.working_directory)
        forget(request.command, inputs.report_dir)
        return module.run(inputs, process.make_world(say)), inputs
    except MlCicdError as problem:
        return failure(request.command, problem, outputs), inputs
    except KeyboardInterrupt:
        return interrupted(request.command, outputs), inputs
    except Exception:  # noqa: BLE001  # anything else is a bug, and the report must still say so
        for line in traceback.format_exc().splitlines():
            print(f"| {line}".replace("##[", "## ["), file=sys.stderr)
        return bug(request.command, outputs), inputs


def outputs_on_error(module: CommandModule) -> dict[str, str]:
    """Return the outputs of a run that could not decide: never one that reads like a pass."""
    return {name: module.ON_ERROR.get(name, "") for name in module.OUTPUTS}


def failure(command: str, problem: MlCicdError, outputs: Mapping[str, str]) -> Report:
    """Report an error that a user can meet."""
    return Report(
        command=command, exit_code=problem.exit_code, headline=problem.what, cure=problem.cure, outputs=outputs
    )


def interrupted(command: str, outputs: Mapping[str, str]) -> Report:
    """Report a cancelled run."""
    cure = "Run it again; that is always safe."
    return Report(command=command, exit_code=Exit.INTERRUPTED, headline="Interrupted.", cure=cure, outputs=outputs)


def bug(command: str, outputs: Mapping[str, str]) -> Report:
    """Report a defect of ours."""
    headline = f"ml-cicd {__version__} failed in a way it should not have; the traceback is in the log."
    cure = "Please report it with the traceback."
    return Report(command=command, exit_code=Exit.BUG, headline=headline, cure=cure, outputs=outputs)


def say(line: str) -> None:
    """Print one progress line at once, apart from the result on standard output."""
    print(harmless(line), file=sys.stderr, flush=True)


def _enter(folder: str) -> None:
    if not Path(folder).is_dir():
        raise InputError(f"Working directory {folder!r} is not a folder.", cure="Check the input working-directory.")
    os.chdir(folder)


class _Interruption:
    """Lets SIGTERM unwind like SIGINT, so that a canary can take traffic back before the process ends.

    A cancelled job gets both, some seconds apart: only the first counts, so that its unwinding is not cut off.
    """

    def __init__(self) -> None:
        self.awaited = True
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._handle)

    def ignore(self) -> None:
        """Ignore both from now on, to the very end: a finishing interpreter drops handlers, but keeps this."""
        self.awaited = False
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_IGN)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self.awaited:
            self.awaited = False
            raise KeyboardInterrupt
