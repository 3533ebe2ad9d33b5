"""The demo's deploy hook: which process it ends, and which it does not."""

import os
import subprocess
import sys
from pathlib import Path

from deploy import is_served, stop

HOLD = """
import fcntl, os, sys, time
handle = open(sys.argv[1], "a+")
fcntl.flock(handle, fcntl.LOCK_EX)
handle.truncate(0)
handle.write(str(os.getpid()))
handle.flush()
print("held", flush=True)
time.sleep(60)
"""


def test_the_server_of_a_slot_is_ended(tmp_path: Path) -> None:
    """The process that keeps the pid file locked is gone when `stop` returns."""
    pid_file = tmp_path / "blue.pid"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(pid_file)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"held\n"
        assert is_served(pid_file)
        stop(pid_file)
        assert not is_served(pid_file)
        assert server.wait(10) != 0


def test_an_old_pid_file_ends_nobody(tmp_path: Path) -> None:
    """A pid file that no server keeps locked names nobody, even where that number lives."""
    pid_file = tmp_path / "blue.pid"
    pid_file.write_text(str(os.getpid()), encoding="ascii")
    stop(pid_file)
    assert not is_served(pid_file)
