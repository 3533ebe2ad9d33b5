"""The root action: put the command line on PATH, and run one command if asked."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from ml_cicd.commands.table import load
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.shell.github.commands import Annotation, command_lines, fence
from ml_cicd.shell.github.outputs import write_outputs
from ml_cicd.version import __version__

COMMAND, ARGUMENTS = "ML_CICD_COMMAND", "ML_CICD_ARGS"
SCRIPT = '#!/bin/sh\nexec "{python}" -I -m ml_cicd "$@"\n'


def set_up(environ: Mapping[str, str]) -> int:
    """Write the script, tell the runner, run the command; its exit code is ours."""
    script = install_script(Path(sys.executable), environ)
    outputs = {"version": __version__, "cli": str(script), "exit-code": ""}
    code = int(Exit.DONE)
    command = environ.get(COMMAND, "").strip()
    if command:
        code = run_command(script, command, environ)
        outputs["exit-code"] = str(code)
    if environ.get("GITHUB_OUTPUT"):
        write_outputs(Path(environ["GITHUB_OUTPUT"]), outputs)
    print(f"ml-cicd {__version__}: {script}")
    return code


def install_script(python: Path, environ: Mapping[str, str]) -> Path:
    """Put `ml-cicd` beside the interpreter and that folder on PATH."""
    folder = Path(environ.get("RUNNER_TEMP") or python.parent) / "ml-cicd-bin"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "ml-cicd"
    script.write_text(SCRIPT.format(python=python), encoding="utf-8")
    script.chmod(0o755)
    if environ.get("GITHUB_PATH"):
        with Path(environ["GITHUB_PATH"]).open("a", encoding="utf-8") as stream:
            stream.write(f"{folder}\n")
    return script


def run_command(script: Path, command: str, environ: Mapping[str, str]) -> int:
    """Run one command with one argument a line; no shell reads them."""
    try:
        load(command)
    except InputError as problem:
        print(*command_lines([Annotation(kind="error", title="ml-cicd", message=str(problem))]), sep="\n")
        return int(problem.exit_code)
    arguments = [line for line in environ.get(ARGUMENTS, "").splitlines() if line]
    own = {name: value for name, value in os.environ.items() if not name.startswith("ML_CICD_")}
    start, end = fence()
    print(start, flush=True)
    try:
        return run_to_its_end([str(script), command, *arguments], own)
    finally:
        print(end, flush=True)


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
