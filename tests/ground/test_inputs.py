"""A command's inputs, declared once and read from texts."""

from dataclasses import dataclass

import pytest

from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.inputs import Command, CommonInputs, join_names, names_in, option, options_of, read_inputs
from ml_cicd.ground.report import Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Some inputs."""

    model_path: str = option("Where the model is.", required=True, path=True)
    mode: str = option("How.", default="run", choices=("run", "tick"))
    quiet: bool = option("Whether to be quiet.", default=True)


def test_declared_inputs_as_faces_see_them() -> None:
    """The command's own first, the common ones last; names for actions and environment follow from the field's."""
    options = options_of(Inputs)
    assert [o.name for o in options] == [
        *("model_path", "mode", "quiet"),
        *("config", "working_directory", "report_dir", "dry_run"),
    ]
    assert (options[0].kebab, options[0].variable, options[0].required) == ("model-path", "ML_CICD_MODEL_PATH", True)
    assert [o.default_text for o in options[:3]] == ["", "run", "true"]


def test_texts_become_inputs() -> None:
    """By kebab-case name; what is absent or blank has its default."""
    found = read_inputs(Inputs, {"model-path": "m/x", "quiet": "false", "mode": " ", "report-dir": "out"})
    assert found == Inputs(model_path="m/x", mode="run", quiet=False, report_dir="out")
    assert (found.config, found.working_directory, found.dry_run) == ("ml-cicd.yml", ".", False)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({}, "Input 'model-path' is empty. Give it: Where the model is."),
        ({"model-path": "  "}, "Input 'model-path' is empty."),
        ({"model-path": "m", "mod": "run"}, "Unknown input 'mod'. Did you mean 'mode'?"),
        ({"model-path": "m", "mode": "tock"}, "Input 'mode' is 'tock'. Did you mean 'tick'?"),
        ({"model-path": "m", "quiet": "yes"}, "Input 'quiet' is 'yes'. Write true or false."),
        ({"model-path": "m\0x"}, "Input 'model-path' with 3 characters is no path."),
        ({"model-path": "a/" * 3000}, "Input 'model-path' with 6000 characters is no path."),
        ({"model-path": "a/" + "é" * 200}, "Input 'model-path' with 202 characters is no path."),
    ],
)
def test_wrong_texts(texts: dict[str, str], says: str) -> None:
    """An unknown name, an empty one that is required, no choice, no boolean, no path."""
    with pytest.raises(InputError) as problem:
        read_inputs(Inputs, texts)
    assert str(problem.value).startswith(says)


def test_a_path_that_is_long_but_possible() -> None:
    """255 bytes a part, 4,000 characters in all."""
    path = "/".join(["x" * 255] * 15)
    assert read_inputs(Inputs, {"model-path": path}).model_path == path


def test_a_command_reads_and_runs() -> None:
    """`execute` is reading and running, for whoever has texts and a world."""

    def run(inputs: Inputs, world: list[str]) -> Report:
        world.append(inputs.model_path)
        return Report(command="x", exit_code=Exit.DONE, headline="Done.", outputs={})

    seen: list[str] = []
    command = Command(inputs=Inputs, outputs={}, on_error={}, run=run)
    assert command.run(read_inputs(command.inputs, {"model-path": "m"}), seen).exit_code is Exit.DONE
    assert seen == ["m"]


@pytest.mark.parametrize("names", [["a.yml"], [" a", "b\nc", "", "-x"], []])
def test_names_of_files_survive_as_one_text(names: list[str]) -> None:
    """Whatever a name is, it comes out as it went in."""
    assert names_in(join_names(names)) == names


def test_names_as_people_write_them() -> None:
    """One a line; blank lines are none, and blanks belong to a name."""
    assert names_in("a.yml\n\n b.yml\n") == ["a.yml", " b.yml"]
