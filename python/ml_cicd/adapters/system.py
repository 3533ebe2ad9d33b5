"""The machine itself: time, small files, progress lines, and who runs this."""

import getpass
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_cicd.errors import InputError

GIT_SECONDS = 5


class SystemClock:
    """Real time."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; a cancelled run raises `KeyboardInterrupt` here, as everywhere."""
        time.sleep(max(0.0, seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgressLines:
    """Progress through a function that prints one line at once."""

    write: Callable[[str], None]

    def say(self, line: str) -> None:
        """Print one line."""
        self.write(line)


class SystemFiles:
    """Small files, and the static look at model folders."""

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return Path(path).exists()

    def payload_digest(self, path: str) -> str:
        """Digest of a model's file or folder."""
        from ml_cicd.adapters.model_files import payload_digest  # noqa: PLC0415  # needs PyYAML

        return payload_digest(Path(path))

    def policy_violations(self, path: str) -> tuple[str, ...]:
        """What in a model folder could run code when loaded."""
        from ml_cicd.adapters.model_files import policy_violations  # noqa: PLC0415  # needs PyYAML

        return policy_violations(Path(path))

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


class SystemScaffold:
    """New files of a repository."""

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return Path(path).exists()

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


def actor(environ: Mapping[str, str]) -> str:
    """Login that started the workflow, else the local user."""
    try:
        return environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number without a name
        return "unknown"


def run_url(environ: Mapping[str, str]) -> str:
    """Address of this workflow run; empty outside a workflow."""
    parts = [environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""


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
