"""The root action: put the command line on PATH, and run one command if asked, as the action of that command would."""

import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.shell.command_line import Request, asked_for
from ml_cicd.shell.github.commands import Annotation, command_lines
from ml_cicd.shell.github.outputs import write_outputs
from ml_cicd.shell.later import LOCKS, PYTHON
from ml_cicd.shell.runner import Process, finish
from ml_cicd.shell.streams import print_out
from ml_cicd.version import __version__

COMMAND, ARGUMENTS = "ML_CICD_COMMAND", "ML_CICD_ARGS"
OF_THE_TOOL = {LOCKS, PYTHON, "ML_CICD_TOOL_ENV"}  # the others are inputs, and this action has inputs of its own
SCRIPT = '#!/bin/sh\n{variables}exec {python} -I -X utf8 -m ml_cicd "$@"\n'
BATCH = '@echo off\r\n{variables}"{python}" -I -X utf8 -m ml_cicd %*\r\n'
MakeWorld = Callable[[Mapping[str, str], Callable[[str], None]], Any]


def set_up(environ: Mapping[str, str], make_world: MakeWorld) -> int:
    """Write the script, run the command, tell the runner; the command's exit code is ours.

    A full disk keeps no command from running: a rollback may be what is asked for. What could not be written is said,
    and a step that went well without it has failed outside.
    """
    script = _script(environ)
    outputs = {"version": __version__, "cli": str(script or ""), "exit-code": ""}
    code = int(Exit.DONE)
    command = environ.get(COMMAND, "").strip()
    if command:
        code = run_command(command, environ, make_world)
        outputs["exit-code"] = str(code)
    # After the command's own outputs: `version` is one of register's too, and the last one counts.
    told = not environ.get("GITHUB_OUTPUT") or _wrote(
        "runner's file GITHUB_OUTPUT", lambda: write_outputs(Path(environ["GITHUB_OUTPUT"]), outputs)
    )
    if script:
        print_out(f"ml-cicd {__version__}: {script}\n")
    return code or int(Exit.DONE if script and told else Exit.OUTSIDE)


def _script(environ: Mapping[str, str]) -> Path | None:
    """Put `ml-cicd` where later steps find it; None where that cannot be."""
    written: list[Path] = []
    _wrote("command line", lambda: written.append(install_script(Path(sys.executable), environ)))
    return written[0] if written else None


def install_script(python: Path, environ: Mapping[str, str]) -> Path:
    """Write the script into a folder of its own and put that on PATH."""
    temp = environ.get("RUNNER_TEMP")
    folder = Path(temp, "ml-cicd-bin") if temp else Path(tempfile.mkdtemp(prefix="ml-cicd-bin-"))
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "ml-cicd"
    own = {name: environ[name] for name in sorted(OF_THE_TOOL) if environ.get(name)}
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in own.items())
    script.write_text(SCRIPT.format(variables=lines, python=shlex.quote(str(python))), encoding="utf-8")
    script.chmod(0o755)
    if sys.platform == "win32":  # for cmd and PowerShell; bash takes the other one
        lines = "".join(f'set "{name}={value}"\r\n' for name, value in own.items())
        text = BATCH.format(variables=lines, python=python)
        script.with_suffix(".cmd").write_text(text, encoding="utf-8", newline="")
    if environ.get("GITHUB_PATH"):
        with Path(environ["GITHUB_PATH"]).open("a", encoding="utf-8") as stream:
            stream.write(f"{folder}\n")
    return script


def run_command(command: str, environ: Mapping[str, str], make_world: MakeWorld) -> int:
    """Run one command in this process, with one argument a line; no shell reads them."""
    # Not splitlines(): a title with another of Unicode's line breaks in it would become an option of its own.
    arguments = [line for line in environ.get(ARGUMENTS, "").replace("\r\n", "\n").split("\n") if line]
    own = {k: v for k, v in environ.items() if not k.startswith("ML_CICD_") or k in OF_THE_TOOL}
    try:
        request = asked_for([command, *arguments], own)
    except InputError as problem:
        _annotate(str(problem))
        return int(problem.exit_code)
    if not isinstance(request, Request):
        return request
    return finish(request.of_an_action(), Process(environ=own, make_world=lambda say: make_world(own, say)))


def _wrote(what: str, write: Callable[[], None]) -> bool:
    try:
        write()
    except OSError as problem:
        _annotate(f"The {what} cannot be written: {problem}. Check the runner's disk and folders.")
        return False
    return True


def _annotate(message: str) -> None:
    lines = command_lines([Annotation(kind="error", title="ml-cicd", message=message)])
    print_out("".join(f"{line}\n" for line in lines))
