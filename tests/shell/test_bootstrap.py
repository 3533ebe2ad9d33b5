"""The private environment of an action, made without a network from a lock that names nothing."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from tests.actions.composite_runner import obeyed, parse_outputs

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "python" / "bootstrap.py"
LOCK = "# nothing is needed\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the script beside an empty lock and a tiny package."""
    home = tmp_path / "python"
    (home / "locks").mkdir(parents=True)
    (home / "ml_cicd").mkdir()
    shutil.copy(SOURCE, home)
    (home / "locks" / "empty.txt").write_text(LOCK, encoding="utf-8")
    (home / "ml_cicd" / "__init__.py").write_text("__version__ = 'tiny'\n", encoding="utf-8")
    return tmp_path


def bootstrap(
    place: Path, *arguments: str, python: str = sys.executable, environ: Mapping[str, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """Run the script as a step does; what it says, and its outputs."""
    output = place / "output"
    output.write_text("", encoding="utf-8")
    own = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(place / "temp"), "GITHUB_OUTPUT": str(output)}
    answer = subprocess.run(
        [python, "-I", str(place / "python" / "bootstrap.py"), *arguments],
        check=False,
        env={**own, **(environ or {})},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return answer, parse_outputs(output.read_text("utf-8"))


def version_seen(python: str, cwd: Path) -> str:
    """Which ml_cicd an interpreter imports."""
    command = [python, "-I", "-c", "import ml_cicd; print(ml_cicd.__version__)"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd).stdout.strip()


def load_module(place: Path) -> ModuleType:
    """Import the copied script."""
    spec = importlib.util.spec_from_file_location("bootstrap_copy", place / "python" / "bootstrap.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_environment_is_made_and_found_again(place: Path) -> None:
    """The interpreter under RUNNER_TEMP imports the package beside the script; a second step gets the same one."""
    first, outputs = bootstrap(place, "empty")
    assert first.returncode == 0, first.stdout + first.stderr
    python = Path(outputs["python"])
    assert python.is_relative_to(place / "temp" / "ml-cicd")
    assert version_seen(str(python), place) == "tiny"
    _, again = bootstrap(place, "empty")
    assert again == outputs


def test_the_environment_is_private(place: Path) -> None:
    """No package of the interpreter that made it is seen, whatever the user's environment says."""
    evil = {"PYTHONPATH": str(place), "VIRTUAL_ENV": str(place), "PIP_TARGET": str(place), "UV_PYTHON": "nowhere"}
    (place / "json.py").write_text("raise SystemExit('reached')\n", encoding="utf-8")
    answer, outputs = bootstrap(place, "empty", environ=evil)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    probe = [outputs["python"], "-I", "-c", "import hypothesis"]
    assert subprocess.run(probe, check=False, capture_output=True).returncode == 1


def test_another_lock_is_another_environment(place: Path) -> None:
    """The key covers the lock's text: a changed lock never reuses the old environment."""
    _, before = bootstrap(place, "empty")
    (place / "python" / "locks" / "empty.txt").write_text(LOCK + "# changed\n", encoding="utf-8")
    _, after = bootstrap(place, "empty")
    assert before["python"] != after["python"]


@pytest.mark.parametrize("arguments", [(), ("nothing-like-it",), ("empty", "more"), ("../locks/empty",)])
def test_an_unknown_lock_is_refused(place: Path, arguments: tuple[str, ...]) -> None:
    """Anything but one known name is an error annotation that lists the names, and no interpreter."""
    answer, outputs = bootstrap(place, *arguments)
    assert (answer.returncode, outputs) == (4, {})
    (line,) = obeyed(answer.stdout)
    assert line.startswith("::error title=ml-cicd::")
    assert "empty" in line


def test_a_lock_that_cannot_be_installed_is_an_error(place: Path) -> None:
    """A package without its hash is refused before anything is fetched; no half environment is handed on."""
    (place / "python" / "locks" / "empty.txt").write_text("no-such-package-anywhere==1.0\n", encoding="utf-8")
    answer, outputs = bootstrap(place, "empty", environ={"PIP_NO_INDEX": "1"})
    assert (answer.returncode, outputs) == (4, {})
    assert "could not be installed" in answer.stdout
    again, outputs = bootstrap(place, "empty", environ={"PIP_NO_INDEX": "1"})
    assert (again.returncode, outputs) == (4, {})


def test_a_given_interpreter_installs_nothing(place: Path) -> None:
    """ML_CICD_TOOL_ENV is handed on when its environment holds what the lock names."""
    shutil.copy(ROOT / "python" / "locks" / "gate.txt", place / "python" / "locks")
    answer, outputs = bootstrap(place, "gate", environ={"ML_CICD_TOOL_ENV": sys.executable})
    assert answer.returncode == 0, answer.stdout
    assert outputs["python"] == sys.executable
    assert not (place / "temp").exists()


def test_a_given_interpreter_that_lacks_a_package_is_refused(place: Path) -> None:
    """One that has another version than the lock's is named, with the package."""
    text = "no-such-package-anywhere==1.0 \\\n    --hash=sha256:00\n"
    (place / "python" / "locks" / "empty.txt").write_text(text, encoding="utf-8")
    answer, outputs = bootstrap(place, "empty", environ={"ML_CICD_TOOL_ENV": sys.executable})
    assert (answer.returncode, outputs) == (4, {})
    assert "no-such-package-anywhere 1.0" in answer.stdout


def test_a_given_interpreter_that_is_none_is_refused(place: Path) -> None:
    """A path that is no file is an error, not a reason to install."""
    answer, outputs = bootstrap(place, "empty", environ={"ML_CICD_TOOL_ENV": str(place / "nowhere")})
    assert (answer.returncode, outputs) == (4, {})
    assert "not an interpreter" in answer.stdout


def test_an_old_interpreter_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Python that is too old says so, and what to set."""
    module = load_module(place)
    monkeypatch.setattr(module, "OLDEST", (99, 0))
    assert module.main(["empty"]) == 4
    assert "Set the input python" in capsys.readouterr().out


def test_parallel_steps_make_one_environment(place: Path) -> None:
    """Three steps at once end with the same interpreter, and all can use it."""
    environ = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(place / "temp")}
    command = [sys.executable, "-I", str(place / "python" / "bootstrap.py"), "empty"]
    running = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {process.communicate(timeout=120)[0].strip().splitlines()[-1] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(said) == 1
