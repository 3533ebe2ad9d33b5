"""The commands by name; a command's module is imported only when it is asked for."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.inputs import Command
from ml_cicd.ground.parse import suggest

if TYPE_CHECKING:  # the list of commands must not wait for all that a command may ask for
    from ml_cicd.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Where a command is, its one title, in the help and in its action, and words that the help shows as an example.

    One that is not `everywhere` locks files, speaks to sockets and starts processes as Linux and macOS do.
    """

    module: str
    title: str
    example: str = ""
    everywhere: bool = False


COMMANDS: dict[str, Entry] = {
    "quality-gate": Entry(
        module="ml_cicd.commands.quality_gate",
        title="Judge a candidate: pass, fail or inconclusive.",
        example="--predictions build/candidate.parquet --thresholds 'accuracy: 0.95' --model build/model",
        everywhere=True,
    ),
    "register": Entry(
        module="ml_cicd.commands.register",
        title="Register a model that passed the gate.",
        example="--model build/model --model-name digits --registry-uri https://mlflow.example",
    ),
    "canary": Entry(
        module="ml_cicd.commands.canary",
        title="Roll a registered version out on evidence.",
        example="--target production --candidate challenger",
    ),
    "rollback": Entry(
        module="ml_cicd.commands.rollback",
        title="Put an earlier version back, traffic first.",
        example="--target production --to last-good --reason 'pages fail'",
    ),
    "fetch": Entry(
        module="ml_cicd.commands.fetch",
        title="Bring the verified files of a registered version to a folder.",
        example="--version champion --to build/champion --if-missing skip",
    ),
    "verify": Entry(
        module="ml_cicd.commands.verify",
        title="Compare the bytes of a registered version with its tags and the ledger.",
        example="--version champion --model-name digits",
    ),
    "status": Entry(
        module="ml_cicd.commands.status",
        title="Show what serves, and what served at a time.",
        example="--target production --at 2026-11-23T14:00Z",
    ),
    "doctor": Entry(
        module="ml_cicd.commands.doctor",
        title="Check configuration, registry, router and slots.",
        example="--target production",
    ),
    "init": Entry(
        module="ml_cicd.commands.init",
        title="Read a repository; write ml-cicd.yml and workflows that fit it.",
        example="--yes",
        everywhere=True,
    ),
    "validate": Entry(
        module="ml_cicd.commands.validate",
        title="Hold files against their published schemas.",
        example="ml-cicd.yml ml-cicd-reports/quality-gate/report.json",
        everywhere=True,
    ),
}


def load(name: str) -> "Command[Any, World]":
    """Import a command.

    Raises:
        InputError: no such command.
    """
    if name not in COMMANDS:
        raise InputError(f"Unknown command {name!r}.", cure=suggest(name, COMMANDS))
    command: Command[Any, World] = import_module(COMMANDS[name].module).COMMAND
    return command
