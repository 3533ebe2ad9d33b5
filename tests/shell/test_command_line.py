"""The command line: each declared input is an option, the environment fills what is not given."""

import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ml_cicd.commands.table import COMMANDS
from ml_cicd.ground.inputs import join_names, read_inputs
from ml_cicd.shell.command_line import EXIT_MEANING, Request, read_arguments
from ml_cicd.version import __version__


def read(*argv: str, environ: Mapping[str, str] | None = None) -> Request:
    """Read arguments that are right."""
    request = read_arguments(argv, environ or {})
    assert isinstance(request, Request)
    return request


def test_help_lists_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command with its title, every exit code with its meaning; asking for it is no error."""
    for argv in (["--help"], ["-h"], ["help"]):
        assert read_arguments(argv, {}) == 0
        text = capsys.readouterr().out
        assert all(f"  {name} " in text and entry.title in text for name, entry in COMMANDS.items())
        assert all(meaning in text for meaning in EXIT_MEANING.values())
    assert read_arguments([], {}) == 2


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """One line."""
    assert read_arguments(["--version"], {}) == 0
    assert capsys.readouterr().out == f"ml-cicd {__version__}\n"


def test_help_of_a_command(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its title, its options with default and choices; a percent sign is a percent sign."""
    assert read_arguments(["probe", "--help"], {}) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Probe the shell, 100 %." in text
    assert "How it looks, 100 % sure. One of: calm, wild. (default: calm)" in text
    assert "--working-directory" in text


def test_help_shows_choices_and_an_example(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Choices stand where the value stands, a path is called one, and what one would type stands below."""
    assert read_arguments(["probe", "--help"], {}) == 0
    text = capsys.readouterr().out
    assert "--mode calm|wild" in text
    assert "--report-dir PATH" in text
    assert read_arguments(["canary", "--help"], {}) == 0
    assert "example:\n  ml-cicd canary --target production" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_can_be_typed(name: str) -> None:
    """Every command has one, and its own reader takes it."""
    words = shlex.split(COMMANDS[name].example)
    assert words
    request = read(name, *words)
    assert read_inputs(request.command.inputs, request.texts)


def test_how_much_is_said(probe: Path) -> None:
    """Less, more, or as ever."""
    asked = [read("probe", *argv) for argv in ([], ["-q"], ["--quiet"], ["-v"], ["--verbose", "--json"])]
    assert [(one.quiet, one.verbose) for one in asked] == [
        (False, False),
        (True, False),
        (True, False),
        (False, True),
        (False, True),
    ]


def test_what_is_given_wins_over_the_environment(probe: Path) -> None:
    """Only inputs of the command are taken from the environment, and an empty variable is not given."""
    environ = {"ML_CICD_MODE": "calm", "ML_CICD_CONFIG": "c.yml", "ML_CICD_ODD": "x", "ML_CICD_REPORT_DIR": ""}
    assert read("probe", "--mode", "wild", environ=environ).texts == {"mode": "wild", "config": "c.yml"}


@pytest.mark.parametrize(
    ("argv", "text"), [(["--keen"], "true"), (["--keen=false"], "false"), (["--keen", "true"], "true")]
)
def test_a_boolean_may_stand_alone(probe: Path, argv: list[str], text: str) -> None:
    """`--keen` is `--keen true`."""
    assert read("probe", *argv).texts == {"keen": text}


@pytest.mark.parametrize("argv", [["a.yml", "b c.yml", "--mode=wild"], ["a.yml", "--mode=wild", "b c.yml"]])
def test_files_stand_without_a_name(probe: Path, argv: list[str]) -> None:
    """Before, between or after options, as many as there are."""
    assert read("probe", *argv).texts == {"files": join_names(["a.yml", "b c.yml"]), "mode": "wild"}


def test_files_of_the_environment(probe: Path) -> None:
    """One a line; those on the command line replace them."""
    environ = {"ML_CICD_FILES": "x.yml\ny.yml"}
    assert read("probe", environ=environ).texts == {"files": "x.yml\ny.yml"}
    assert read("probe", "z.yml", environ=environ).texts == {"files": join_names(["z.yml"])}


def test_where_the_report_goes_is_known_at_once(probe: Path) -> None:
    """Before the inputs are checked, and a blank is the command's own folder."""
    assert read("probe", "--report-dir=out", "--mode=odd").report_dir == "out"
    assert read("probe", "--report-dir= ").report_dir == ""


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["prob"], "Did you mean 'probe'?"),
        (["action"], "takes the name of one command"),
        (["action", "probe", "more"], "takes the name of one command"),
        (["action", "nothing"], "Unknown command 'nothing'"),
        (["probe", "--mod=wild"], "unrecognized arguments: --mod=wild. Did you mean --mode?"),
        (["probe", "-mode=wild"], "unrecognized arguments: -mode=wild. Did you mean --mode?"),
        (["probe", "--report_dir", "x"], "unrecognized arguments: --report_dir. Did you mean --report-dir?"),
        (["--mode", "probe"], "'--mode' stands where the command should. Write the command first"),
        (["probe", "--mode"], "ml-cicd: probe: argument --mode: "),
        (["probe", "--mode"], "`ml-cicd probe --help` lists the options."),
        (["probe", "--mode"], "expected one argument"),
    ],
)
def test_wrong_arguments(probe: Path, capsys: pytest.CaptureFixture[str], argv: list[str], says: str) -> None:
    """Exit 2 with a sentence; an abbreviation is not guessed."""
    assert read_arguments(argv, {}) == 2
    assert says in capsys.readouterr().err


def test_a_wrong_argument_is_shown_in_one_line(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What came from outside begins no line of the log: a runner would obey it."""
    assert read_arguments(["probe", "--mode=calm", "--x\n::error::y\n##[error]y"], {}) == 2
    said = capsys.readouterr().err
    assert [line for line in said.splitlines() if line.lstrip().startswith("::") or "##[" in line] == []


def test_an_action_reads_the_environment_alone(probe: Path) -> None:
    """Its inputs are variables, and its answer goes to the runner."""
    request = read("action", "probe", environ={"ML_CICD_MODE": "wild"})
    assert (request.name, request.texts, request.as_action, request.as_json) == ("probe", {"mode": "wild"}, True, False)


def test_help_is_light() -> None:
    """Help loads no command and nothing that a command needs: it must be there at once."""
    code = (
        "import sys; from ml_cicd.__main__ import main; main(['--help'])\n"
        "heavy = ('yaml', 'jsonschema', 'numpy', 'duckdb', 'mlflow', 'ml_cicd.world', 'ml_cicd.commands.init')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_files_after_two_dashes(probe: Path) -> None:
    """There a dash begins a name, and no option."""
    texts = read("probe", "a.yml", "--mode=wild", "--", "-x.yml", "--mode=calm").texts
    assert texts == {"files": join_names(["a.yml", "-x.yml", "--mode=calm"]), "mode": "wild"}


@pytest.mark.parametrize("argv", [["\x1b[31m\u202e"], ["doctor", "--\x1b[31m\u202e"]])
def test_a_wrong_argument_steers_no_terminal(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown with what it has in it."""
    assert read_arguments(argv, {}) == 2
    shown = capsys.readouterr().err
    assert "\\x1b[31m\\u202e" in shown
    assert "\x1b" not in shown
