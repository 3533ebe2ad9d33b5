"""Packages that a command is started without, installed once it asks for them: traffic must not wait for them.

An action sets ML_CICD_LATER (names of locks) and ML_CICD_PYTHON (the interpreter that installs). The packages of a lock
come into an environment of their own, by hash, and its folder is put behind this process's path.
"""

import contextlib
import importlib
import os
import signal
import site
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from ml_cicd.ground.errors import OutsideError

BOOTSTRAP = Path(__file__).resolve().parents[2] / "bootstrap.py"
LOCKS, PYTHON = "ML_CICD_LATER", "ML_CICD_PYTHON"
INSTALL_SECONDS = 900.0  # longer than the installer waits for another one
ENDING_SECONDS = 10.0
PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"


def fetch_later(lock: str, module: str, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Make a lock's `module` importable if the action left that for later; nothing to do where it is there, or was not.

    Raises:
        OutsideError: the packages could not be installed.
    """
    python = environ.get(PYTHON, "")
    if lock not in environ.get(LOCKS, "").split() or not python or find_spec(module) is not None:
        return
    say(f"Installing the {lock} packages, which this needs from here on ...")
    own = {name: value for name, value in environ.items() if name != "GITHUB_OUTPUT"}
    interpreter = _last_word([python, "-I", str(BOOTSTRAP), lock], own)
    site.addsitedir(_last_word([interpreter, "-I", "-c", PURELIB], own))
    importlib.invalidate_caches()


def _last_word(command: list[str], environ: Mapping[str, str]) -> str:
    """Run a command and return the last line of what it says, without the tool's name before it."""
    try:
        code, out, errors = _run(command, environ)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise OutsideError(f"{command[0]} could not install packages: {problem}.", cure="Run it again.") from problem
    lines = out.strip().splitlines()
    if code != 0 or not lines:
        said = (lines or errors.strip().splitlines() or ["nothing"])[-1].rpartition("::")[2]
        raise OutsideError(
            f"The packages could not be installed: {said}", cure="Check the package index; run it again."
        )
    return lines[-1].removeprefix("ml-cicd: ")


def _run(command: list[str], environ: Mapping[str, str]) -> tuple[int, str, str]:
    """Run it and all that it starts; an interruption ends them as Ctrl-C does, so that they free their lock."""
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, errors = process.communicate(timeout=INSTALL_SECONDS)
        except BaseException:
            _end(process)
            raise
        return process.returncode, out, errors


def _end(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":  # it has no groups; what the process started ends by itself
        process.kill()
        return
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=ENDING_SECONDS)
            break
