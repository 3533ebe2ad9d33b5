"""Parse, wire, run, publish, exit: the same for every command and every face."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from ml_cicd.commands.table import COMMANDS
from ml_cicd.ground.errors import Defect, Exit, InputError, MlCicdError
from ml_cicd.ground.inputs import CommonInputs, names_in, options_of, read_inputs
from ml_cicd.ground.report import Report
from ml_cicd.shell.command_line import Request, read_arguments
from ml_cicd.shell.github.commands import harmless
from ml_cicd.shell.publish import forget, log_traceback, publish, report_folder
from ml_cicd.shell.streams import print_err
from ml_cicd.version import __version__

SYSTEM = sys.platform


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """What a run has of its process; `make_world` takes the way to print progress."""

    environ: Mapping[str, str]
    make_world: Callable[[Callable[[str], None]], Any]


def main(argv: Sequence[str], process: Process) -> int:
    """Run one command and return its exit code; the report is on disk before this returns."""
    request = read_arguments(argv, process.environ)
    return request if isinstance(request, int) else finish(request, process)


def finish(request: Request, process: Process) -> int:
    """Do what was asked for and return the exit code; the report is on disk before this returns."""
    report = _report(request, lambda: process.make_world(_silent if request.quiet else say))
    return _published(report, request, process.environ)


def _report(request: Request, make_world: Callable[[], Any]) -> Report:
    """Return what the command says, or why it cannot: whatever happens, there is a report."""
    interruption = _Interruption()
    try:
        report = _run(request, make_world)
        interruption.ignore()  # the outcome is there: a signal must not cut its report in two
    except KeyboardInterrupt:
        interruption.ignore()
        return interrupted(request)
    return report


def _run(request: Request, make_world: Callable[[], Any]) -> Report:
    try:
        _check_system(request.name)
        inputs = read_inputs(request.command.inputs, request.texts)
        _enter(inputs.working_directory)
        if not _reads_own_report(request, inputs):
            forget(request.name, request.report_dir)
        return request.command.run(inputs, make_world())
    except Defect as problem:
        log_traceback()
        return failure(request, problem)
    except MlCicdError as problem:
        if request.verbose:
            log_traceback()
        return failure(request, problem)
    except Exception:  # noqa: BLE001  # anything else is a bug, and the report must still say so
        return bug(request)


def _reads_own_report(request: Request, inputs: CommonInputs) -> bool:
    """Whether the last report is one of the files that were asked about."""
    files = request.command.files
    names = names_in(getattr(inputs, files)) if files else []
    names += [getattr(inputs, one.name) for one in options_of(request.command.inputs) if one.path]
    own = os.path.realpath(report_folder(request.name, request.report_dir) / "report.json")
    return own in map(os.path.realpath, names)


def _published(report: Report, request: Request, environ: Mapping[str, str]) -> int:
    def put(what: Report) -> int:
        return publish(
            what,
            report_dir=request.report_dir,
            environ=environ,
            as_action=request.as_action,
            as_json=request.as_json,
            brief=request.quiet,
        )

    try:
        return put(report)
    except Exception:  # noqa: BLE001  # a report that cannot be drawn is a bug; nothing of it is on disk
        return put(bug(request))


def failure(request: Request, problem: MlCicdError) -> Report:
    """Report an error that a user can meet."""
    return _without_outcome(request, problem.exit_code, problem.what, problem.cure)


def interrupted(request: Request) -> Report:
    """Report a cancelled run."""
    return _without_outcome(request, Exit.INTERRUPTED, "Interrupted.", "Run it again; that is always safe.")


def bug(request: Request) -> Report:
    """Report a defect of ours; the exception that is being handled goes to the log."""
    log_traceback()
    headline = f"ml-cicd {__version__} failed in a way it should not have; the traceback is in the log."
    return _without_outcome(request, Exit.BUG, headline, "Please report it with the traceback.")


def say(line: str) -> None:
    """Print one progress line at once, apart from the result on standard output."""
    print_err(harmless(line))


def _silent(_line: str) -> None:
    pass


def _without_outcome(request: Request, code: Exit, headline: str, cure: str) -> Report:
    """Return a report whose outputs never read like a pass."""
    outputs = {name: request.command.on_error.get(name, "") for name in request.command.outputs}
    return Report(command=request.name, exit_code=code, headline=headline, cure=cure, outputs=outputs)


def _check_system(command: str) -> None:
    if SYSTEM == "win32" and not COMMANDS[command].everywhere:
        those = ", ".join(name for name, entry in COMMANDS.items() if entry.everywhere)
        raise InputError(f"`{command}` runs on Linux and macOS, not on Windows.", cure=f"Windows can run {those}.")


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
