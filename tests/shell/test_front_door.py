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
