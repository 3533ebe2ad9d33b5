"""The machine: small files with an error for each way to be wrong, and who runs this."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.shell.machine import SystemClock, SystemFiles, commit, is_gone, process_name, who
from ml_cicd.world import Who

FILES = SystemFiles()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """With its folders, as it was."""
    path = str(tmp_path / "a/b/c.txt")
    assert not FILES.exists(path)
    FILES.write_new(path, "é\n")
    assert FILES.exists(path)
    assert FILES.read_text(path, limit=3) == "é\n"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that exists stays; so does one where a folder should be."""
    (tmp_path / "x").write_text("mine")
    for path in (tmp_path / "x", tmp_path / "x" / "y"):
        with pytest.raises(InputError, match=r"exists|cannot be written"):
            FILES.write_new(str(path), "other")
    assert (tmp_path / "x").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "says"),
    [("none", "is not a file"), (".", "is not a file"), ("big", "has 11 bytes, more than 10"), ("bytes", "UTF-8")],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, says: str) -> None:
    """Absent, a folder, too large, no text."""
    (tmp_path / "big").write_text("x" * 11)
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(InputError) as problem:
        FILES.read_text(str(tmp_path / name), limit=10)
    assert says in str(problem.value)


def test_who_runs_a_workflow() -> None:
    """What the runner's variables say."""
    environ = {
        "GITHUB_ACTOR": "ann",
        "GITHUB_SHA": "abc",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "acme/models",
        "GITHUB_RUN_ID": "7",
    }
    url = "https://github.example/acme/models/actions/runs/7"
    assert who(environ) == Who(actor="ann", run_url=url)
    assert commit(environ) == "abc"


def test_who_runs_this_on_a_laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local user, no log, and the checkout's commit; outside a checkout there is none."""
    monkeypatch.chdir(tmp_path)
    found = who({})
    assert found.actor
    assert (found.run_url, commit({})) == ("", "")
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *arguments], check=True, env={**os.environ, **identity})
    assert len(commit({})) == 40


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git is no error."""
    monkeypatch.setenv("PATH", "")
    assert commit({"GITHUB_ACTOR": "ann"}) == ""


def test_the_clock_goes_on() -> None:
    """A negative wait is none."""
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-1)
    clock.sleep(0.01)
    assert clock.now() >= before + 0.01


def test_a_process_is_gone_once_it_has_ended() -> None:
    """Its own name says so while it lives and after; the same number of another start is another process."""
    code = "from ml_cicd.shell.machine import process_name; print(process_name(), flush=True); input()"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        if not name:
            pytest.skip("this system does not say when a process began")
        here, number, start = name.split("-")
        assert not is_gone(f"7.abc.{name}")
        assert is_gone(f"7.abc.{here}-{number}-{int(start) + 1}")
        other.communicate("\n", timeout=60)
    assert is_gone(f"7.abc.{name}")
    assert not is_gone(f"7.abc.{process_name()}")


@pytest.mark.parametrize("owner", ["", "abc", "7.abc", "7.abc.other-1-2", "7.abc.x-y-z", "a-1-1"])
def test_nobody_is_called_dead_without_a_proof(owner: str) -> None:
    """A process of another machine, or a name that an earlier version wrote, may live."""
    assert not is_gone(owner)
