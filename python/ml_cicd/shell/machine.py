"""The machine itself: time, small files, and who runs this."""

import getpass
import hashlib
import os
import secrets
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from ml_cicd.ground.errors import InputError
from ml_cicd.world import Who

GIT_SECONDS = 5


class SystemClock:
    """Real time (rollout.ports.Clock)."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; a cancelled run raises `KeyboardInterrupt` here, as everywhere."""
        time.sleep(max(0.0, seconds))


class SystemFiles:
    """Small files (world.Files)."""

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return Path(path).exists()

    def read_text(self, path: str, *, limit: int) -> str:
        """Read a UTF-8 file of at most `limit` bytes."""
        file = Path(path)
        if not file.is_file():
            raise InputError(f"{path} is not a file.", cure="Check the path; it starts from the working directory.")
        if file.stat().st_size > limit:
            raise InputError(
                f"{path} has {file.stat().st_size} bytes, more than {limit}.", cure="Is it the right file?"
            )
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise InputError(f"{path} cannot be read: {problem}.", cure="It must be UTF-8 text.") from problem

    def write_new(self, path: str, text: str) -> None:
        """Create a file and its folders; an existing file is left alone."""
        file = Path(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError as problem:
            raise InputError(f"{path} exists.", cure="Move it away first; nothing is overwritten.") from problem
        except OSError as problem:
            raise InputError(
                f"{path} cannot be written: {problem}.", cure="Check the folder's permissions."
            ) from problem


def configuration(path: str, *, limit: int, required: bool) -> str | None:
    """Return the text of a configuration; None for an absent file that nobody requires.

    Raises:
        InputError: absent though required, no file, too large, not UTF-8.
    """
    file = Path(path)
    if file.is_file():
        return SystemFiles().read_text(path, limit=limit)
    if required or file.exists():
        raise InputError(f"There is no configuration file {path}.", cure="Write one with `ml-cicd init`.")
    return None


def who(environ: Mapping[str, str]) -> Who:
    """Return who runs this, from the workflow's variables or else from the machine."""
    return Who(actor=_actor(environ), run_url=_run_url(environ))


def _actor(environ: Mapping[str, str]) -> str:
    """Login that started the workflow, else the local user."""
    try:
        return environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run as a number without a name
        return "unknown"


def _run_url(environ: Mapping[str, str]) -> str:
    """Address of this workflow run; empty outside a workflow."""
    parts = [environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""


def new_name(environ: Mapping[str, str]) -> str:
    """Return a name that no other process has; in a workflow it begins with the run's id.

    It ends with the process, where that can be told: see `is_gone`.
    """
    return ".".join(filter(None, (environ.get("GITHUB_RUN_ID", ""), secrets.token_hex(8), process_name())))


def process_name() -> str:
    """Name this process, so that a later one on this machine can tell whether it still lives; empty where nobody could.

    By machine, boot and process namespace, number and start: a number alone is given again.
    """
    here, start = _here(), _started(os.getpid())
    return f"{here}-{os.getpid()}-{start}" if here and start else ""


def is_gone(owner: str) -> bool:
    """Whether the process that an owner's name ends with is known to be dead: of this machine, and no longer there."""
    here, _, rest = owner.rpartition(".")[2].partition("-")
    number, _, start = rest.partition("-")
    if not (number.isdigit() and start.isdigit()) or here != _here():
        return False
    try:
        os.kill(int(number), 0)  # signal 0 asks, and sends nothing
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there, and another user's
    now = _started(int(number))
    return bool(now) and now != start


def _here() -> str:
    """Return a name of this boot of this machine, as seen from this process namespace; empty where that is not told."""
    try:
        told = Path("/proc/sys/kernel/random/boot_id").read_text("ascii") + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _started(process: int) -> str:
    """Return when a process started, in ticks since the boot; empty where nobody can read it, "gone" for a dead one."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "gone" if fields[0] in {"Z", "X"} else fields[19]


def commit(environ: Mapping[str, str]) -> str:
    """Commit that is judged: the workflow's, else the checkout's; empty where there is none."""
    if environ.get("GITHUB_SHA"):
        return environ["GITHUB_SHA"]
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
