"""Prepare a private environment for one action and print its interpreter. Standard library only.

    python -I bootstrap.py NAME        NAME is a lock: python/locks/NAME.txt

The environment lies under RUNNER_TEMP/ml-cicd/<key>; the key covers the lock, the interpreter and this folder, so the
same step on the same machine finds it again. Every file must have the hash that the lock knows.

ML_CICD_TOOL_ENV=/path/to/python uses that interpreter instead of installing anything, for machines without a network:
its environment must hold what the lock names, and this says so when it does not.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
import venv
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST = (3, 11)
WAIT_SECONDS = 600
STALE_SECONDS = 900
HIDDEN = ("VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_CONSTRAINT", "PIP_REQUIRE_VIRTUALENV")
HIDDEN_PREFIXES = ("PYTHON", "UV_")


class BootstrapError(Exception):
    """Something that the workflow's author must mend."""


def main(arguments: list[str]) -> int:
    """Prepare the environment of one lock; return the exit code."""
    try:
        if sys.version_info < OLDEST:
            raise BootstrapError(
                f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}. Set the input python."
            )
        lock = find_lock(arguments)
        given = os.environ.get("ML_CICD_TOOL_ENV", "")
        python = check_given(Path(given), lock) if given else prepare(lock)
    except BootstrapError as problem:
        text = str(problem).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::error title=ml-cicd::{text}", flush=True)
        return 4
    publish(python)
    return 0


def find_lock(arguments: list[str]) -> Path:
    """Return the lock file that the one argument names."""
    known = sorted(path.stem for path in (HERE / "locks").glob("*.txt"))
    if len(arguments) != 1 or arguments[0] not in known:
        raise BootstrapError(f"bootstrap.py takes one of: {', '.join(known)}.")
    return HERE / "locks" / f"{arguments[0]}.txt"


def prepare(lock: Path) -> Path:
    """Return the interpreter of the lock's environment, made now if it is not there."""
    root = Path(os.environ.get("RUNNER_TEMP") or HERE.parent / ".ml-cicd-env") / "ml-cicd"
    key = hashlib.sha256("\0".join([lock.read_text("utf-8"), sys.version, str(HERE)]).encode()).hexdigest()[:16]
    folder = root / key
    ready = folder / ".ok"
    if not ready.is_file():
        root.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(root / f"{key}.lock"):
            if not ready.is_file():
                build(folder, lock)
                ready.touch()
    return interpreter(folder)


def build(folder: Path, lock: Path) -> None:
    """Make the environment from nothing; half of one is thrown away."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
    python = interpreter(folder)
    if names_packages(lock):
        install(python, lock)
    site = subprocess.run(
        [str(python), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(site, "ml_cicd.pth").write_text(f"{HERE}\n", encoding="utf-8")


def install(python: Path, lock: Path) -> None:
    """Install what the lock names with the pip of the interpreter that runs this."""
    print(f"ml-cicd: installing {lock.stem} packages, hash-locked", flush=True)
    command = [sys.executable, "-I", "-m", "pip", "--python", str(python), "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "--no-deps"]
    environment = {k: v for k, v in os.environ.items() if k not in HIDDEN and not k.startswith(HIDDEN_PREFIXES)}
    answer = subprocess.run([*command, "-r", str(lock)], check=False, env=environment, capture_output=True, text=True)
    if answer.returncode != 0:
        last = " / ".join(answer.stderr.strip().splitlines()[-3:])
        raise BootstrapError(f"The packages of {lock.name} could not be installed: {last}. Check the package index.")


def check_given(python: Path, lock: Path) -> Path:
    """Return the given interpreter if its environment holds the lock's packages at the lock's versions."""
    if not python.is_file():
        raise BootstrapError(f"ML_CICD_TOOL_ENV names {python}, which is not an interpreter.")
    wanted = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?=\s*\\)", lock.read_text("utf-8"), flags=re.MULTILINE))
    script = (
        "import json, sys; from importlib.metadata import distributions\n"
        "print(json.dumps({d.metadata['Name'].lower().replace('_', '-').replace('.', '-'): d.version"
        " for d in distributions()}))\n"
        "import ml_cicd"
    )
    answer = subprocess.run([str(python), "-I", "-c", script], check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise BootstrapError(f"{python} cannot import ml_cicd; install this very checkout into its environment.")
    found = json.loads(answer.stdout.splitlines()[0])
    wrong = [f"{name} {version}" for name, version in wanted.items() if found.get(name) != version]
    if wrong:
        raise BootstrapError(f"The environment of {python} lacks {', '.join(wrong[:5])}; make it from {lock.name}.")
    return python


def names_packages(lock: Path) -> bool:
    """Whether the lock names anything; an empty one needs no pip."""
    return any(line.strip() and not line.startswith("#") for line in lock.read_text("utf-8").splitlines())


def interpreter(folder: Path) -> Path:
    """Return an environment's interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock that is a folder; one left by a dead run is taken over after a quarter of an hour."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            path.mkdir()
            break
        except FileExistsError:
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.rmdir()
                    continue
            if time.monotonic() > end:
                raise BootstrapError(f"{path} is held by another run; remove it if there is none.") from None
            time.sleep(0.2)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.rmdir()


def publish(python: Path) -> None:
    """Hand the interpreter to the next step."""
    print(f"ml-cicd: {python}", flush=True)
    if os.environ.get("GITHUB_OUTPUT"):
        fence = f"ghadelimiter_{uuid.uuid4()}"
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as stream:
            stream.write(f"python<<{fence}\n{python}\n{fence}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
