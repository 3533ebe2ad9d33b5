"""The command line: options come from each command's declared inputs, the environment fills what is not given."""

import argparse
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from ml_cicd.commands.table import COMMANDS, load
from ml_cicd.faces.plain import no_command, one_line
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.inputs import Command, Option, join_names, options_of
from ml_cicd.shell.streams import flush_out, print_err, print_out
from ml_cicd.version import __version__

EXIT_MEANING: dict[Exit, str] = {
    Exit.DONE: "pass or done",
    Exit.BUG: "bug in ml-cicd",
    Exit.INPUT: "inputs, configuration or policy invalid",
    Exit.EVIDENCE: "evidence unusable",
    Exit.OUTSIDE: "an outside system failed",
    Exit.FAILED: "gate failed, canary rolled back",
    Exit.INCONCLUSIVE: "inconclusive",
    Exit.PARTLY: "partly applied: the report lists what is done, what is not, and the commands to finish",
    Exit.INTERRUPTED: "interrupted",
}
FLAGS = {
    ("--json",): "Print the report as JSON instead of the table.",
    ("-q", "--quiet"): "Print the outcome and what to do, but neither progress nor tables; the report has them.",
    ("-v", "--verbose"): "Log the traceback of an error too.",
}
USAGE = "usage: ml-cicd COMMAND [options]\n       ml-cicd COMMAND --help"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What was asked for: a command, its inputs as texts by kebab-case name, and how to answer."""

    name: str
    command: Command[Any, Any]
    texts: Mapping[str, str]
    as_json: bool = False
    as_action: bool = False
    quiet: bool = False
    verbose: bool = False

    def of_an_action(self) -> "Request":
        """Return it with an answer for the runner."""
        return replace(self, as_action=True)

    @property
    def report_dir(self) -> str:
        """Where the report goes: known before the inputs are checked, because a refusal is reported too."""
        text = self.texts.get("report-dir", "")
        return text if text.strip() else ""


def read_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> Request | int:
    """Read the arguments; an integer is an exit code: help was shown, or the arguments are wrong."""
    try:
        return asked_for(argv, environ)
    except InputError as problem:
        print_err(f"ml-cicd: {no_command(one_line(str(problem)))}\n{USAGE}")
        return int(problem.exit_code)


def asked_for(argv: Sequence[str], environ: Mapping[str, str]) -> Request | int:
    """Read the arguments; an integer is an exit code: what was asked for has been shown.

    Raises:
        InputError: the arguments are wrong.
    """
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print_out(f"{overview()}\n")
        return int(Exit.DONE if argv else Exit.INPUT)
    if argv[0] == "--version":
        print_out(f"ml-cicd {__version__}\n")
        return int(Exit.DONE)
    if argv[0].startswith("-"):
        raise InputError(
            f"{argv[0]!r} stands where the command should.", cure="Write the command first, then its options."
        )
    try:
        if argv[0] == "action":
            return action_request(argv[1:], environ)
        return _command_request(argv[0], argv[1:], environ)
    except SystemExit as stop:  # argparse has printed help
        flush_out()
        return int(stop.code or 0)


def action_request(argv: Sequence[str], environ: Mapping[str, str]) -> Request:
    """Read an action's inputs, which come through the environment alone."""
    if len(argv) != 1:
        raise InputError("`ml-cicd action` takes the name of one command.", cure=f"One of: {', '.join(COMMANDS)}.")
    command = load(argv[0])
    texts = from_environment(options_of(command.inputs), environ)
    return Request(name=argv[0], command=command, texts=texts, as_action=True)


def from_environment(options: Sequence[Option], environ: Mapping[str, str]) -> dict[str, str]:
    """Return what `ML_CICD_<NAME>` variables say, by kebab-case name."""
    return {o.kebab: environ[o.variable] for o in options if environ.get(o.variable)}


def overview() -> str:
    """Return the help of the whole tool."""
    commands = "\n".join(f"  {name:13} {entry.title}" for name, entry in COMMANDS.items())
    codes = "\n".join(f"  {code:3}  {meaning}" for code, meaning in EXIT_MEANING.items())
    return (
        f"ml-cicd {__version__}: a model from a code change to production and back\n\n{USAGE}\n\n"
        f"commands:\n{commands}\n\nexit codes:\n{codes}\n\n"
        "Every option can also be given as ML_CICD_<NAME> in the environment."
    )


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as everything else here does, with the option that was meant."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing."""
        wrong = re.search(r"unrecognized arguments: (-[\w-]+)", message)
        known = [flag for action in self._actions for flag in action.option_strings]
        close = difflib.get_close_matches(wrong[1], known, n=1) if wrong else []
        hint = f"Did you mean {close[0]}? " if close else ""
        name = self.prog.removeprefix("ml-cicd ")  # who prints it says `ml-cicd`
        raise InputError(f"{name}: {message}.", cure=f"{hint}`{self.prog} --help` lists the options.")


def _command_request(name: str, argv: Sequence[str], environ: Mapping[str, str]) -> Request:
    command = load(name)
    options = options_of(command.inputs)
    parser = _parser(name)
    for declared in options:
        _add(parser, declared, files=declared.name == command.files)
    for flags, text in FLAGS.items():
        parser.add_argument(*flags, action="store_true", help=text)
    found = vars(_parsed_with_files(parser, argv, command.files) if command.files else parser.parse_args(argv))
    texts = from_environment(options, environ)
    texts |= {o.kebab: found[o.name] for o in options if found[o.name] is not None}
    how = {"as_json": found["json"], "quiet": found["quiet"], "verbose": found["verbose"]}
    return Request(name=name, command=command, texts=texts, **how)


def _parser(name: str) -> _Parser:
    entry = COMMANDS[name]
    example = f"example:\n  ml-cicd {name} {entry.example}" if entry.example else ""
    layout = argparse.RawDescriptionHelpFormatter
    return _Parser(
        prog=f"ml-cicd {name}", description=entry.title, epilog=example, formatter_class=layout, allow_abbrev=False
    )


def _parsed_with_files(parser: argparse.ArgumentParser, argv: Sequence[str], files: str) -> argparse.Namespace:
    """Parse files between options, which only this method of argparse reads; it loses those after `--`."""
    split = argv.index("--") if "--" in argv else len(argv)
    found = parser.parse_intermixed_args(argv[:split])
    setattr(found, files, join_names([*getattr(found, files), *argv[split + 1 :]]) or None)
    return found


def _add(parser: argparse.ArgumentParser, declared: Option, *, files: bool) -> None:
    words = [declared.description]
    if declared.choices:
        words.append(f"One of: {', '.join(declared.choices)}.")
    if declared.default_text:
        words.append(f"(default: {declared.default_text})")
    text = " ".join(words).replace("%", "%%")
    flag = f"--{declared.kebab}"
    if files:
        parser.add_argument(declared.name, nargs="*", metavar="FILE", help=text)
    elif isinstance(declared.default, bool):
        parser.add_argument(flag, dest=declared.name, nargs="?", const="true", metavar="true|false", help=text)
    else:
        shown = "|".join(declared.choices) or ("PATH" if declared.path else "TEXT")
        parser.add_argument(flag, dest=declared.name, metavar=shown, help=text)
