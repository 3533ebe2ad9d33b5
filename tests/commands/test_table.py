"""The table of commands: one line each, all of one form."""

import pytest

from ml_cicd.commands.table import COMMANDS, load
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.inputs import COMMON_OUTPUTS, CommonInputs, options_of


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_same_form(name: str) -> None:
    """Its inputs are declared, its outputs described; what it says when it could not decide never reads like a pass."""
    command = load(name)
    assert COMMANDS[name].module == f"ml_cicd.commands.{name.replace('-', '_')}"
    assert COMMANDS[name].title.endswith(".")
    assert issubclass(command.inputs, CommonInputs)
    assert all(option.description.endswith(".") for option in options_of(command.inputs))
    assert all(text.endswith(".") for text in command.outputs.values())
    assert not set(command.outputs) & set(COMMON_OUTPUTS)
    assert set(command.on_error) <= set(command.outputs)
    assert not {"pass", "true", "promote"} & set(command.on_error.values())
    assert not command.files or command.files in {option.name for option in options_of(command.inputs)}


def test_an_unknown_command_is_answered_with_the_right_one() -> None:
    """Nothing is guessed."""
    with pytest.raises(InputError, match="Did you mean 'rollback'"):
        load("rolback")
