"""Packages that come later: installed when they are asked for, into this process, and only where an action says so."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from ml_cicd.ground.errors import OutsideError
from ml_cicd.shell import later
from ml_cicd.shell.later import LOCKS, PYTHON, fetch_later

USE = """
import os, sys
from pathlib import Path
from ml_cicd.shell import later
later.BOOTSTRAP = Path(sys.argv[1])
for _ in range(2):
    later.fetch_later("registry", "late_package", os.environ, lambda line: print("said:", line))
import late_package
print(late_package.ANSWER)
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment that holds the late package; its interpreter."""
    folder = tmp_path / "env"
    venv.EnvBuilder(with_pip=False).create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "late_package.py").write_text("ANSWER = 'it is here'\n", "utf-8")
    return folder / "bin" / "python"


def script(tmp_path: Path, text: str) -> Path:
    """Write what stands for the bootstrap."""
    path = tmp_path / "bootstrap.py"
    path.write_text(text, "utf-8")
    return path


def test_a_package_is_there_once_it_is_asked_for(tmp_path: Path, environment: Path) -> None:
    """The process that started without it imports it after the install, which is said, and done once."""
    bootstrap = script(tmp_path, f"import sys; print('installing', sys.argv[1]); print('ml-cicd: {environment}')\n")
    environ = {**os.environ, LOCKS: "gate registry", PYTHON: sys.executable}
    answer = subprocess.run(
        [sys.executable, "-c", USE, str(bootstrap)], env=environ, check=False, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        "said: Installing the registry packages, which this needs from here on ...",
        "it is here",
    ]


@pytest.mark.parametrize(
    "environ", [{}, {LOCKS: "registry"}, {PYTHON: sys.executable}, {LOCKS: "gate validate", PYTHON: sys.executable}]
)
def test_nothing_is_installed_where_no_action_left_anything(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a command line a missing package is an error of its own, with what to install."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it installs"))
    fetch_later("registry", "no_such_package", environ, lambda _line: None)


def test_what_is_there_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A given environment holds everything already."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it installs"))
    fetch_later("registry", "json", {LOCKS: "registry", PYTHON: sys.executable}, lambda _line: None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import sys; print('::error title=ml-cicd::The index is away.'); sys.exit(4)", "The index is away."),
        ("raise SystemExit(1)", "nothing"),
        ("pass", "nothing"),
    ],
)
def test_a_failed_install_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    """An error of the outside, so that a rollback that has moved traffic writes it down and goes on."""
    monkeypatch.setattr(later, "BOOTSTRAP", script(tmp_path, text))
    with pytest.raises(OutsideError, match=says):
        fetch_later("registry", "no_such_package", {LOCKS: "registry", PYTHON: sys.executable}, lambda _line: None)


def test_an_interpreter_that_is_gone(tmp_path: Path) -> None:
    """No traceback."""
    with pytest.raises(OutsideError, match="could not install"):
        fetch_later(
            "registry", "no_such_package", {LOCKS: "registry", PYTHON: str(tmp_path / "gone")}, lambda _line: None
        )
