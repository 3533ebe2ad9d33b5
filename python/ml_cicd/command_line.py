"""The command line: options come from each command's declared inputs, the environment fills what is not given."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_cicd import __version__
from ml_cicd.commands.table import COMMANDS, load
from ml_cicd.errors import EXIT_MEANING, Exit, InputError
from ml_cicd.spec import Option, options_of

USAGE = "usage: ml-cicd COMMAND [options]\n       ml-cicd COMMAND --help"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What was asked for: inputs as texts by kebab-case name, and how to answer."""

    command: str
    texts: Mapping[str, str]
    as_json: bool
    as_action: bool


def read_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> Request | int:
    """Read the arguments; an integer is an exit code: help was shown, or the arguments are wrong."""
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print(overview())
        return int(Exit.DONE if argv else Exit.INPUT)
    if argv[0] == "--version":
        print(f"ml-cicd {__version__}")
        return int(Exit.DONE)
    try:
        if argv[0] == "action":
            return action_request(argv[1:], environ)
        return _command_request(argv[0], argv[1:], environ)
    except InputError as problem:
        print(f"ml-cicd: {problem}\n{USAGE}", file=sys.stderr)
        return int(problem.exit_code)
    except SystemExit as stop:  # argparse has printed help or a message
        return int(stop.code or 0)


def action_request(argv: Sequence[str], environ: Mapping[str, str]) -> Request:
    """Read an action's inputs, which come through the environment alone."""
    if len(argv) != 1:
        raise InputError("`ml-cicd action` takes the name of one command.", cure=f"One of: {', '.join(COMMANDS)}.")
    texts = from_environment(options_of(load(argv[0]).Inputs), environ)
    return Request(command=argv[0], texts=texts, as_json=False, as_action=True)


def from_environment(options: Sequence[Option], environ: Mapping[str, str]) -> dict[str, str]:
    """Return what `ML_CICD_<NAME>` variables say, by kebab-case name."""
    return {o.kebab: environ[o.variable] for o in options if environ.get(o.variable)}


def overview() -> str:
    """Return the help of the whole tool."""
    commands = "\n".join(f"  {name:13} {title}" for name, title in COMMANDS.items())
    codes = "\n".join(f"  {code:3}  {meaning}" for code, meaning in EXIT_MEANING.items())
    return (
        f"ml-cicd {__version__}: a model from a code change to production and back\n\n{USAGE}\n\n"
        f"commands:\n{commands}\n\nexit codes:\n{codes}\n\n"
        "Every option can also be given as ML_CICD_<NAME> in the environment."
    )


def _command_request(command: str, argv: Sequence[str], environ: Mapping[str, str]) -> Request:
    module = load(command)
    options = options_of(module.Inputs)
    parser = argparse.ArgumentParser(prog=f"ml-cicd {command}", description=module.TITLE, allow_abbrev=False)
    for declared in options:
        _add(parser, declared)
    parser.add_argument("--json", action="store_true", help="Print the report as JSON instead of the table.")
    found = vars(parser.parse_args(argv))
    texts = from_environment(options, environ)
    texts |= {o.kebab: found[o.name] for o in options if found[o.name] is not None}
    return Request(command=command, texts=texts, as_json=found["json"], as_action=False)


def _add(parser: argparse.ArgumentParser, declared: Option) -> None:
    words = [declared.description]
    if declared.choices:
        words.append(f"One of: {', '.join(declared.choices)}.")
    if declared.default_text:
        words.append(f"(default: {declared.default_text})")
    text = " ".join(words).replace("%", "%%")
    flag = f"--{declared.kebab}"
    if isinstance(declared.default, bool):
        parser.add_argument(flag, dest=declared.name, nargs="?", const="true", metavar="true|false", help=text)
    else:
        parser.add_argument(flag, dest=declared.name, metavar="TEXT", help=text)
