"""The root action's command: it ends by itself, also when the job is cancelled."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ml_cicd.shell.front_door import run_to_its_end

CHILD = """
import pathlib, signal, sys, time
def stop(number, frame):
    time.sleep(1)  # longer than the quarter of a second that subprocess.run gives
    pathlib.Path(sys.argv[1]).write_text("traffic is back")
    sys.exit(130)
for one in (signal.SIGINT, signal.SIGTERM):
    signal.signal(one, stop)
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import os, sys
from ml_cicd.shell.front_door import run_to_its_end
sys.exit(run_to_its_end([sys.executable, "-c", sys.argv[1], sys.argv[2]], os.environ))
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_step_lets_its_command_end(tmp_path: Path, sent: signal.Signals) -> None:
    """The runner signals the step's process alone: the command gets the signal, finishes, and its exit code counts."""
    done = tmp_path / "done"
    step = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(done)], stdout=subprocess.PIPE, text=True)
    assert step.stdout is not None
    assert step.stdout.readline() == "ready\n"
    os.kill(step.pid, sent)
    step.communicate(timeout=30)
    assert (step.returncode, done.read_text("utf-8")) == (130, "traffic is back")


def test_the_exit_code_is_the_commands() -> None:
    """Its own, or 128 and the signal that ended it; handlers are as before."""
    before = signal.getsignal(signal.SIGTERM)
    assert run_to_its_end([sys.executable, "-c", "raise SystemExit(11)"], os.environ) == 11
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_to_its_end([sys.executable, "-c", killed], os.environ) == 137
    assert signal.getsignal(signal.SIGTERM) is before


def front_door(folder: Path, *, limit: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the root action's command as its step does."""
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "RUNNER_TEMP": str(folder / "temp"), **environ}
    command = ["sh", "-c", f'{limit} exec "$@"', "sh", sys.executable, "-I", "-m", "ml_cicd", "action", "setup"]
    return subprocess.run(command, cwd=folder, env=given, check=False, capture_output=True, text=True, timeout=120)


def test_a_set_up_that_works(tmp_path: Path) -> None:
    """The script is there, and the runner knows its folder and the outputs."""
    (tmp_path / "temp").mkdir()
    done = front_door(tmp_path, GITHUB_OUTPUT=str(tmp_path / "out"), GITHUB_PATH=str(tmp_path / "path"))
    script = tmp_path / "temp/ml-cicd-bin/ml-cicd"
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(script, os.X_OK)
    assert f"{script}\n" in (tmp_path / "out").read_text("utf-8")
    assert (tmp_path / "path").read_text("utf-8") == f"{script.parent}\n"


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_PATH", "RUNNER_TEMP"])
@pytest.mark.parametrize(("asked", "code"), [("", 4), ("rollback", 2)])
def test_a_runner_that_cannot_be_told(tmp_path: Path, name: str, asked: str, code: int) -> None:
    """A file or folder of the runner's that cannot be written: it is said, the command has run, and its code counts."""
    (tmp_path / "file").write_text("")
    done = front_door(tmp_path, **{name: str(tmp_path / "file/x"), "ML_CICD_COMMAND": asked})
    assert done.returncode == code
    assert done.stdout.count("cannot be written") == 1
    assert "Traceback" not in done.stderr
    assert ("There is no configuration file" in done.stdout) is bool(asked)


def test_a_full_disk_keeps_no_command_from_running(tmp_path: Path) -> None:
    """Neither the script nor the outputs can be written, and a rollback would still move traffic."""
    (tmp_path / "temp").mkdir()
    place = {"GITHUB_OUTPUT": str(tmp_path / "out"), "ML_CICD_COMMAND": "rollback"}
    done = front_door(tmp_path, limit="ulimit -f 0;", **place)
    assert done.returncode == 2
    assert "There is no configuration file" in done.stdout
    assert "Traceback" not in done.stderr
