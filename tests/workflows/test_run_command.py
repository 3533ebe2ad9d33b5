"""What runs the caller's commands in the reusable workflow: what is configured, and secrets that stay secret."""

import ast
import importlib.util
import io
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import dotenv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.actions.composite_runner import obeyed

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "python" / "run_command.py"
SHOW = f"{shlex.quote(sys.executable)} -c \"import os; print('shown', ascii(os.environ.get('V')))\""


def module() -> ModuleType:
    """Load the script, which stands alone."""
    spec = importlib.util.spec_from_file_location("run_command", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


RUN_COMMAND = module()


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a run of the script ended, what it printed, and what it wrote into the job's summary."""

    code: int
    log: str
    summary: str


def run(folder: Path, kind: str, command: str, secrets: str = "", tools: str = "", *, run_name: str = "") -> Said:
    """Run the script as a step does; `tools` are modules that the repository's Python has."""
    for name in tools.split():
        text = f"import sys\nprint('{name} was here', *sys.argv[1:])\n"
        (folder / "tools").mkdir(exist_ok=True)
        (folder / "tools" / f"{name}.py").write_text(text, "utf-8")
    python = folder / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', "utf-8")
    python.chmod(0o755)
    summary = folder / "summary.md"
    own = {"PATH": f"{python.parent}{os.pathsep}/usr/bin{os.pathsep}/bin", "PYTHONPATH": str(folder / "tools")}
    own |= {"COMMAND": command, "DOTENV": secrets, "RUN_NAME": run_name, "GITHUB_STEP_SUMMARY": str(summary)}
    answer = subprocess.run(
        ["python", "-I", str(SCRIPT), kind],
        cwd=folder,
        env=own,
        executable=str(python),
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    return Said(
        code=answer.returncode, log=answer.stdout, summary=summary.read_text("utf-8") if summary.exists() else ""
    )


@pytest.mark.parametrize(
    ("kind", "file", "text", "wanted"),
    [
        ("lint", "pyproject.toml", "[tool.ruff]\nline-length = 100\n", "ruff check ."),
        ("lint", "pyproject.toml", "[tool.ruff.lint]\n", "ruff check ."),
        ("lint", "ruff.toml", "", "ruff check ."),
        ("lint", ".ruff.toml", "", "ruff check ."),
        ("lint", ".flake8", "", "flake8"),
        ("lint", "setup.cfg", "[flake8]\n", "flake8"),
        ("types", "mypy.ini", "[mypy]\n", "mypy ."),
        ("types", "pyproject.toml", "[tool.mypy]\nstrict = true\n", "mypy ."),
        ("types", "pyproject.toml", "[tool.mypy]\nfiles = ['src']\n", "mypy"),
        ("types", "pyrightconfig.json", "{}", "pyright"),
        ("tests", "pytest.ini", "", "pytest"),
        ("tests", "pyproject.toml", "[tool.pytest.ini_options]\n", "pytest"),
        ("tests", "test_model.py", "", "pytest"),
        ("tests", "tests/deep/test_model.py", "", "pytest"),
    ],
)
def test_what_is_configured_runs(kind: str, file: str, text: str, wanted: str, tmp_path: Path) -> None:
    """By itself, where the tool is installed; the summary says which command it was."""
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text, "utf-8")
    tool, _, arguments = wanted.partition(" ")
    said = run(tmp_path, kind, "auto", tools="ruff flake8 mypy pyright pytest")
    assert said.code == 0, said.log
    assert said.log.splitlines()[-1] == f"{tool} was here {arguments}".rstrip()
    assert said.summary == f"- {kind.capitalize()}: `python -m {wanted}`\n"


@pytest.mark.parametrize("kind", ["lint", "types", "tests"])
@pytest.mark.parametrize("text", ["", "# [tool.ruff] [tool.mypy] [tool.pytest]\n", "[project]\nname = 'x'\n"])
def test_what_is_not_configured_does_not_fail(kind: str, text: str, tmp_path: Path) -> None:
    """It says so once, in the summary, and no annotation asks anybody for anything."""
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    said = run(tmp_path, kind, "auto")
    assert (said.code, said.summary) == (0, f"- {kind.capitalize()}: not configured\n")
    assert obeyed(said.log) == []


def test_a_tool_that_is_not_installed_does_not_fail(tmp_path: Path) -> None:
    """But it is configured, so a warning says that it was not run, and how it would be."""
    (tmp_path / "ruff.toml").touch()
    said = run(tmp_path, "lint", "auto")
    assert (said.code, said.summary) == (0, "- Lint: ruff is configured, but not installed\n")
    (warning,) = obeyed(said.log)
    assert warning.startswith("::warning title=Lint::ruff is configured, but not installed: it was not run.")


def test_of_two_tools_the_installed_one_runs(tmp_path: Path) -> None:
    """A repository that has both is not told about the one that it no longer installs."""
    (tmp_path / "ruff.toml").touch()
    (tmp_path / ".flake8").touch()
    said = run(tmp_path, "lint", "auto", tools="flake8")
    assert (said.code, said.summary) == (0, "- Lint: `python -m flake8`\n")


@pytest.mark.parametrize("kind", ["lint", "types", "tests", "install", "command"])
def test_an_empty_command_is_none(kind: str, tmp_path: Path) -> None:
    """Who switches a check off hears nothing of it."""
    assert run(tmp_path, kind, "") == Said(code=0, log="", summary="")


@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("exit 7", 7), ("false | cat", 1), ("false; true", 1), ('echo "$NONE"', 1)]
)
def test_a_command_fails_as_a_careful_script_does(command: str, code: int, tmp_path: Path) -> None:
    """At its first failure, in a pipe too, and at a variable that is not set; its exit code is the step's."""
    assert run(tmp_path, "command", command).code == code


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"requirements.txt": ""}, "python -m pip install -r requirements.txt"),
        (
            {"requirements.txt": "", "requirements-dev.txt": ""},
            "python -m pip install -r requirements.txt -r requirements-dev.txt",
        ),
        ({"pyproject.toml": "[project]\n"}, "python -m pip install -e ."),
        ({"pyproject.toml": "[tool.ruff]\n"}, ""),
        ({"setup.py": ""}, "python -m pip install -e ."),
        ({"requirements.txt": "", "pyproject.toml": "[project]\n"}, "python -m pip install -r requirements.txt"),
        ({"uv.lock": "", "pyproject.toml": "[project]\n"}, "uv sync --locked"),
        ({"poetry.lock": "", "pyproject.toml": "[project]\n"}, "poetry install"),
        ({}, ""),
    ],
)
def test_the_repository_says_how_it_is_installed(
    files: dict[str, str], wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock file before requirements, these before the package itself; with none of them nothing is installed."""
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert RUN_COMMAND.installation().rpartition("; ")[2] == wanted


def test_nothing_to_install_is_said_and_no_failure(tmp_path: Path) -> None:
    """A repository without any of these files goes on; only the log mentions it."""
    assert run(tmp_path, "install", "auto") == Said(code=0, log="Install: not configured\n", summary="")


AWKWARD = [
    "plain",
    "with = and # and $HOME and `id`",
    "two\nlines of it",
    "-----BEGIN KEY-----\nMII=\n-----END KEY-----\n",
    'it\'s "quoted"',
    "back\\slash \\n",
    " around ",
    "100% sure",
    "tab\there",
    '{"key": "a # b"}',
    "ünïcode",
    "::error::forged",
]


@pytest.mark.parametrize("name", ["a/b", "a b", "a:b", "\u00e4", "a\n", "::add-mask::x", "a" * 65])
def test_a_name_that_no_artifact_may_have_ends_the_run_at_once(name: str, tmp_path: Path) -> None:
    """Nothing is installed for it, let alone trained."""
    said = run(tmp_path, "install", "echo installed", run_name=name)
    assert said.code == 2
    assert "installed" not in said.log
    assert said.log.startswith("::error title=ml-cicd::The input name is ")


@pytest.mark.parametrize("name", ["", "fraud", "v1.2_eu-west"])
def test_another_name_is_taken(name: str, tmp_path: Path) -> None:
    """And the command does not see it."""
    said = run(tmp_path, "install", "echo installed ${RUN_NAME-}.", run_name=name)
    assert (said.code, said.log) == (0, "installed .\n")


def quoted(value: str) -> str:
    """Write a value as dotenv text does."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@pytest.mark.parametrize("value", AWKWARD)
@pytest.mark.parametrize("style", ["escaped", "as it stands", "single"])
def test_a_secret_reaches_the_command_and_no_log(value: str, style: str, tmp_path: Path) -> None:
    """Exactly as it was written, however it was quoted; all of it and each line is hidden before anything else runs."""
    escaped = value.replace("\\", "\\\\")
    single, double = escaped.replace("'", "\\'"), escaped.replace('"', '\\"')
    texts = {"escaped": quoted(value), "as it stands": f'"{double}"', "single": f"'{single}'"}
    said = run(tmp_path, "command", SHOW, secrets=f"# mine\nOTHER=x\nexport V = {texts[style]} # why\n")
    assert said.code == 0, said.log
    lines = said.log.splitlines()
    assert lines[-1] == f"shown {value!a}"
    hidden = [line.removeprefix("::add-mask::") for line in lines[:-1]]
    assert all(line.startswith("::add-mask::") for line in lines[:-1])
    wanted = [part for part in (value, *value.splitlines()) if len(part.strip()) > 3]
    masks = [mask.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") for mask in hidden]
    assert masks == list(dict.fromkeys(wanted))


@pytest.mark.parametrize("value", ["1", "abc", "true", "False"])
def test_what_is_no_secret_is_not_hidden(value: str, tmp_path: Path) -> None:
    """To hide every 1 would spoil the log, and GitHub drops outputs that hold what is hidden, `found: true` too."""
    said = run(tmp_path, "command", SHOW, secrets=f"V={value}\nW=\n")
    assert said.log == f"shown {value!r}\n"


def test_secrets_leave_what_they_do_not_name(tmp_path: Path) -> None:
    """An empty secret changes nothing, and its text itself reaches nobody."""
    said = run(tmp_path, "command", "env", secrets="V=abcdef\n")
    names = {line.partition("=")[0] for line in said.log.splitlines()}
    assert "V" in names
    assert not {"DOTENV", "COMMAND"} & names


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nhush hush\n", 2),
        ("KEY=-----BEGIN\nhush\n-----END\n", 2),
        ("A='hush\n", 1),
        ('A=1\nB="hush\n\n', 2),
        ('A="hush" hush\n', 1),
        ("1A=hush", 1),
        ("A-B=hush", 1),
        ("=hush", 1),
    ],
)
def test_what_is_no_variable_is_refused_unshown(text: str, line: int, tmp_path: Path) -> None:
    """The message names the line and never what stands there, and the command does not run."""
    said = run(tmp_path, "command", "echo it ran", secrets=text)
    assert said.code == 2
    assert f"cannot be read at line {line}:" in said.log
    assert "hush" not in said.log.replace("::add-mask::hush", "")
    assert "it ran" not in said.log


def test_an_older_python_reads_the_script() -> None:
    """It runs with the caller's Python, which may be older than the tool's."""
    ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 8))


def test_a_file_of_windows_is_read(tmp_path: Path) -> None:
    """Its line ends and its mark are none of the values."""
    assert RUN_COMMAND.read_dotenv("\ufeffA=1\r\nB='x y'\r\n") == {"A": "1", "B": "x y"}


names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
plain = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"], blacklist_characters="\x85"), max_size=20)
unquoted = plain.filter(lambda text: not text.strip().startswith(("'", '"')))


@given(st.dictionaries(names, st.one_of(plain.map(quoted), unquoted), max_size=5))
@example({"A": "b#c"})
@example({"A": "b # c"})
@example({"A": "#c"})
@example({"A": "x=y"})
@example({"A": ""})
@example({"A": "\xa00"})
def test_it_reads_what_python_dotenv_reads(variables: dict[str, str]) -> None:
    """The format is that of the common library, without its replacing of `$`."""
    text = "".join(f"{name}={value}\n" for name, value in variables.items())
    wanted = dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False)
    assert RUN_COMMAND.read_dotenv(text) == wanted
