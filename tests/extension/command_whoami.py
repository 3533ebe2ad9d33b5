"""A command: who runs this, by what the ledger would say.

One file in `commands/` and one line in `COMMANDS` of its `table.py`. Command line, environment variables and messages
follow from the declaration; with `needs` it is an action too (`make render` renders it). A command asks for the
outside through `world` alone, and changes it by operations alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.ground.errors import Exit
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.report import Report, Table
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {"actor": "Who runs this."}
ON_ERROR: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `whoami`."""

    greeting: str = option("How to say it.", default="plain", choices=("plain", "polite"))


def run(inputs: Inputs, world: World) -> Report:
    """Say it."""
    name = world.who.actor
    headline = f"It is {name}." if inputs.greeting == "plain" else f"Good day, {name}."
    rows = (("actor", name), ("run", world.who.run_url or None), ("commit", world.commit or None))
    table = Table(title="By the ledger", header=("what", "is"), rows=rows)
    return Report(command="whoami", exit_code=Exit.DONE, headline=headline, sections=(table,), outputs={"actor": name})


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run)
