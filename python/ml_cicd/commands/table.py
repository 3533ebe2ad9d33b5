"""The commands by name; a command's module is imported only when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from ml_cicd.domain.report import Report
from ml_cicd.errors import InputError
from ml_cicd.parse import suggest
from ml_cicd.ports import World
from ml_cicd.spec import CommonInputs

COMMANDS: dict[str, str] = {
    "quality-gate": "judge a candidate: pass, fail or inconclusive",
    "register": "register a model that passed the gate",
    "canary": "roll a registered version out on evidence",
    "rollback": "put an earlier version back, traffic first",
    "status": "what serves, and what served at a time",
    "doctor": "check configuration, registry, router and slots",
    "init": "write ml-cicd.yml and two workflows into a repository",
}


class CommandModule(Protocol):
    """What each module of this package offers."""

    TITLE: str
    OUTPUTS: Mapping[str, str]
    ON_ERROR: Mapping[str, str]
    Inputs: type[CommonInputs]

    def run(self, inputs: CommonInputs, world: World) -> Report:
        """Do it."""


def load(name: str) -> CommandModule:
    """Import the module of a command.

    Raises:
        InputError: no such command.
    """
    if name not in COMMANDS:
        raise InputError(f"Unknown command {name!r}.", cure=suggest(name, COMMANDS))
    return cast("CommandModule", import_module(f"ml_cicd.commands.{name.replace('-', '_')}"))
