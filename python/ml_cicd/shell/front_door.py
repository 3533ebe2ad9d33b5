"""The root action: put the command line on PATH, and run one command if asked."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from ml_cicd.commands.table import load
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.shell.github.commands import Annotation, command_lines, fence
from ml_cicd.shell.github.outputs import write_outputs
from ml_cicd.shell.streams import print_out
from ml_cicd.version import __version__

COMMAND, ARGUMENTS = "ML_CICD_COMMAND", "ML_CICD_ARGS"
SCRIPT = '#!/bin/sh\nexec "{python}" -I -m ml_cicd "$@"\n'


def set_up(environ: Mapping[str, str]) -> int:
    """Write the script, tell the runner, run the command; its exit code is ours.

    A full disk keeps no command from running: a rollback may be what is asked for. What could not be written is said,
    and a step that went well without it has failed outside.
    """
    script, written = _script(environ)
    outputs = {"version": __version__, "cli": str(script) if written else "", "exit-code": ""}
    code = int(Exit.DONE)
    command = environ.get(COMMAND, "").strip()
    if command:
        start = [str(script)] if written else [sys.executable, "-I", "-m", "ml_cicd"]
        code = run_command(start, command, environ)
        outputs["exit-code"] = str(code)
    told = not environ.get("GITHUB_OUTPUT") or _wrote(
        "runner's file GITHUB_OUTPUT", lambda: write_outputs(Path(environ["GITHUB_OUTPUT"]), outputs)
    )
    if written:
        print_out(f"ml-cicd {__version__}: {script}\n")
    return code or int(Exit.DONE if written and told else Exit.OUTSIDE)


def _script(environ: Mapping[str, str]) -> tuple[Path, bool]:
    """Return where the command line is, and whether it could be put there."""
    folder = Path(environ.get("RUNNER_TEMP") or Path(sys.executable).parent) / "ml-cicd-bin"
    script = folder / "ml-cicd"
    return script, _wrote("command line", lambda: install_script(script, Path(sys.executable), environ))


def _wrote(what: str, write: Callable[[], None]) -> bool:
    try:
        write()
    except OSError as problem:
        message = f"The {what} cannot be written: {problem}. Check the runner's disk and folders."
        _annotate(message)
        return False
    return True


def _annotate(message: str) -> None:
    lines = command_lines([Annotation(kind="error", title="ml-cicd", message=message)])
    print_out("".join(f"{line}\n" for line in lines))


def install_script(script: Path, python: Path, environ: Mapping[str, str]) -> None:
    """Put `ml-cicd` into a folder and that folder on PATH."""
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(SCRIPT.format(python=python), encoding="utf-8")
    script.chmod(0o755)
    if environ.get("GITHUB_PATH"):
        with Path(environ["GITHUB_PATH"]).open("a", encoding="utf-8") as stream:
            stream.write(f"{script.parent}\n")


def run_command(start: Sequence[str], command: str, environ: Mapping[str, str]) -> int:
    """Run one command with one argument a line; no shell reads them."""
    try:
        load(command)
    except InputError as problem:
        _annotate(str(problem))
        return int(problem.exit_code)
    arguments = [line for line in environ.get(ARGUMENTS, "").splitlines() if line]
    own = {name: value for name, value in os.environ.items() if not name.startswith("ML_CICD_")}
    begin, end = fence()
    print_out(f"{begin}\n")
    try:
        return run_to_its_end([*start, command, *arguments], own)
    finally:
        print_out(f"{end}\n")


def run_to_its_end(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a process, pass on the signals of a cancelled job, and wait until it has ended by itself.

    The runner signals the step's own process alone, and what we started must still take traffic back and write its
    report. 128 and the signal's number for a process that a signal ended, as a shell has it.
    """
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for process in started:
            process.send_signal(number)
        if not started:
            early.append(number)

    before = {one: signal.signal(one, pass_on) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        process = subprocess.Popen(command, env=dict(environ))
        started.append(process)
        for number in early:
            process.send_signal(number)
        code = process.wait()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    return code if code >= 0 else 128 - code
