"""Runs one command of the calling repository, with the caller's Python and tools, for the reusable workflow.

    python run_command.py install|lint|types|tests|command

COMMAND is the command; the word auto stands for what the repository has set up, if anything. DOTENV holds variables for
it as dotenv text; none of their values is shown in a log. RUN_NAME is the workflow's input name: it becomes part of the
names of artifacts, which are uploaded after training, so it is looked at first. Standard library only, and Python 3.8
suffices.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

AUTO = "auto"
MASKED_LENGTH = 4  # a shorter value is no secret, and hiding it would spoil the log
NO_SECRETS = {"true", "false", "none", "null"}  # GitHub drops a job's outputs that hold what is hidden
VERSION_SECONDS = 120
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "dev-requirements.txt")
TITLES = {"install": "Install", "lint": "Lint", "types": "Types", "tests": "Tests"}

BLANK = r"[^\S\r\n]"  # a blank that is pasted from a page may be no plain one
RUN_NAME = re.compile(r"[A-Za-z0-9_.-]{0,64}")
NAME = re.compile(rf"{BLANK}*(?:export{BLANK}+)?([A-Za-z_][A-Za-z0-9_]*){BLANK}*={BLANK}*")
QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
NOTHING = re.compile(rf"{BLANK}*(?:#[^\n]*)?(?:\n|\Z)")
UNQUOTED = re.compile(r"[^\n]*(?:\n|\Z)")
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", "'": "'", '"': '"'}


class Problem(Exception):
    """What the caller can mend."""


class Tool(NamedTuple):
    """A tool: the files, and the sections of shared files, that say that a repository uses it."""

    arguments: str
    files: tuple[str, ...]
    sections: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Its module's name."""
        return self.arguments.split()[0]


TOOLS = {
    "lint": (
        Tool("ruff check .", ("ruff.toml", ".ruff.toml"), (("pyproject.toml", "[tool.ruff"),)),
        Tool("flake8", (".flake8",), (("setup.cfg", "[flake8]"), ("tox.ini", "[flake8]"))),
    ),
    "types": (
        Tool("mypy .", ("mypy.ini", ".mypy.ini"), (("pyproject.toml", "[tool.mypy"), ("setup.cfg", "[mypy"))),
        Tool("pyright", ("pyrightconfig.json",), (("pyproject.toml", "[tool.pyright"),)),
    ),
    "tests": (
        Tool(
            "pytest",
            ("pytest.ini", "test_*.py", "tests/**/test_*.py", "test/**/test_*.py", "tests/**/*_test.py"),
            (("pyproject.toml", "[tool.pytest"), ("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]")),
        ),
    ),
}
OWN_FILES = re.compile(r"^\[(?:tool\.)?mypy\][^\[]*?^(?:files|packages|modules)\s*=", re.MULTILINE | re.DOTALL)


def main(kind: str) -> None:
    """Become the command, or say why there is none to run."""
    environ = dict(os.environ)
    command = environ.pop("COMMAND", "")
    name = environ.pop("RUN_NAME", "")
    if not RUN_NAME.fullmatch(name):
        raise Problem(f"The input name is {name!a}. Use letters, digits, _ . and -, at most 64.")
    secrets = read_dotenv(environ.pop("DOTENV", ""))
    for value in secrets.values():
        _mask(value)
    environ.update(secrets)
    if command.strip() == AUTO:
        command, why_not = (installation(), "") if kind == "install" else check(kind)
        _tell(TITLES[kind], f"`{command}`" if command else why_not or "not configured")
    elif kind in TOOLS and command:
        _tell(TITLES[kind], f"`{' '.join(command.split())}`")
    sys.stdout.flush()
    if command:
        _become(["bash", "-euo", "pipefail", "-c", command], environ)


def installation() -> str:
    """Return what installs this repository: by its lock file, its requirements, or itself."""
    if Path("uv.lock").is_file():
        return "command -v uv > /dev/null || python -m pip install uv; uv sync --locked"
    if Path("poetry.lock").is_file():
        return "command -v poetry > /dev/null || python -m pip install poetry; poetry install"
    found = [name for name in REQUIREMENTS if Path(name).is_file()]
    if found:
        return f"python -m pip install {' '.join(f'-r {name}' for name in found)}"
    # Editable: an ordinary install leaves a folder called build behind.
    packaged = Path("setup.py").is_file() or _has_line(_text("pyproject.toml"), "[project]")
    return "python -m pip install -e ." if packaged else ""


def check(kind: str) -> tuple[str, str]:
    """Return the command of the tool that the repository has configured and installed; else none, and why not."""
    configured = [tool for tool in TOOLS[kind] if _is_configured(tool)]
    for tool in configured:
        prefix = _prefix()
        if _is_installed([*prefix.split(), tool.name]):
            arguments = "mypy" if tool.name == "mypy" and _says_its_files() else tool.arguments
            return f"{prefix} {arguments}", ""
    if not configured:
        return "", ""
    why = f"{configured[0].name} is configured, but not installed"
    print(f"::warning title={TITLES[kind]}::{why}: it was not run. Let install-command install it.")
    return "", why


def _is_configured(tool: Tool) -> bool:
    if any(next(Path().glob(pattern), None) for pattern in tool.files):
        return True
    return any(_has_line(_text(name), section) for name, section in tool.sections)


def _has_line(text: str, start: str) -> bool:
    return any(line.startswith(start) for line in text.splitlines())


def _says_its_files() -> bool:
    return any(OWN_FILES.search(_text(name)) for name in ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg"))


def _prefix() -> str:
    """Return what starts a tool of the repository's environment."""
    if Path("uv.lock").is_file() and Path(".venv").is_dir() and shutil.which("uv"):
        return "uv run"
    if Path("poetry.lock").is_file() and shutil.which("poetry"):
        return "poetry run"
    return "python -m"


def _is_installed(command: list[str]) -> bool:
    try:
        answer = subprocess.run([*command, "--version"], capture_output=True, timeout=VERSION_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def read_dotenv(text: str) -> dict[str, str]:
    """Read variables as python-dotenv does, without replacing any `$`; a line that is none is refused, unshown."""
    text = text.replace("\r\n", "\n").lstrip("\ufeff")
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        nothing = NOTHING.match(text, place)
        if nothing:
            place = nothing.end()
            continue
        name = NAME.match(text, place)
        if not name:
            raise _unreadable(text, place, "it is no NAME=value; a value of several lines needs quotes")
        found[name[1]], place = _value(text, name.end())
    return found


def _value(text: str, place: int) -> tuple[str, int]:
    """Return a value and where the next line begins."""
    if text[place : place + 1] in ("'", '"'):
        quoted = QUOTED.match(text, place)
        behind = NOTHING.match(text, quoted.end()) if quoted else None
        if not quoted or not behind:
            raise _unreadable(text, place, "its quotes do not end, or something stands behind them")
        if quoted[1] is not None:
            return re.sub(r"\\([\\'])", r"\1", quoted[1]), behind.end()
        return re.sub(r"\\(.)", lambda m: ESCAPED.get(m[1], m[0]), quoted[2], flags=re.DOTALL), behind.end()
    line = UNQUOTED.match(text, place)
    assert line is not None  # noqa: S101  # it matches anything
    return re.sub(r"\s+#.*", "", line[0].rstrip("\n")).rstrip(), line.end()


def _unreadable(text: str, place: int, why: str) -> Problem:
    return Problem(f"The secret env cannot be read at line {text.count(chr(10), 0, place) + 1}: {why}.")


def _mask(value: str) -> None:
    """Have the runner hide a value, and each of its lines, for logs show them one by one."""
    for part in dict.fromkeys([value, *value.splitlines()]):
        if len(part.strip()) >= MASKED_LENGTH and part.strip().lower() not in NO_SECRETS:
            print("::add-mask::" + part.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _tell(title: str, what: str) -> None:
    """Say once what was chosen: in the log and in the job's summary."""
    print(f"{title}: {what}")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and title != TITLES["install"]:
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(f"- {title}: {what}\n")


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _become(command: list[str], environ: dict[str, str]) -> None:
    """Hand the process over, so that a cancel reaches the command; Windows cannot."""
    if os.name == "nt":
        sys.exit(subprocess.run(command, env=environ, check=False).returncode)
    os.execvpe(command[0], command, environ)  # noqa: S606  # no shell reads the words; the command is bash's


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Problem as problem:
        print(f"::error title=ml-cicd::{problem}")
        sys.exit(2)
