"""Prepare a private environment for one action and print its interpreter. Standard library only.

    python -I bootstrap.py NAME        NAME is a lock: python/locks/NAME.txt

Environments are kept in RUNNER_TOOL_CACHE/ml-cicd, which outlives the job where the machine does, else in RUNNER_TEMP.
Each lies in a folder of its own that nobody else writes to. A mark, <key>.mark, names the folder and holds the hash of
each file in it; the mark is written last, so there is no half environment, and whoever uses one compares it first. The
key covers the lock, the interpreter, the machine, the user and this folder.

ML_CICD_TOOL_ENV=/path/to/python uses that interpreter instead of installing anything, for machines without a network:
its environment must hold what the lock names, and this says so when it does not.
"""

import ast
import base64
import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
import venv
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).resolve().parent
OLDEST = (3, 11)
WAIT_SECONDS = 600
UNUSED_SECONDS = 7 * 24 * 3600  # longer than any job may take
HIDDEN = {"VIRTUAL_ENV"}
HIDDEN_PREFIXES = ("PYTHON", "UV_", "PIP_")
# What of pip's own settings says where packages come from, and how they are reached. All else is ours to say: a
# target, a root or a dry run would leave the environment empty.
KEPT_SETTINGS = {
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "keyring-provider"),
    *("proxy", "cert", "client-cert", "timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
}
SETTING = re.compile(r"^(?:global|install|:env:)\.([a-z-]+)=(['\"].*['\"])$", re.MULTILINE)
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?=\s*\\)", re.MULTILINE)
Stamp = tuple[int, int, int]


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
        return complain(str(problem), 4)
    except OSError as problem:
        return complain(f"The tool's environment cannot be made: {problem}. Is the disk full, or read-only?", 4)
    except KeyboardInterrupt:
        return complain("Interrupted while the tool's packages were being installed; run it again.", 130)
    publish(python)
    return 0


def complain(problem: str, code: int) -> int:
    """Print an error annotation and return the exit code."""
    text = problem.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::error title=ml-cicd::{text}", flush=True)
    return code


def find_lock(arguments: list[str]) -> Path:
    """Return the lock file that the one argument names."""
    known = sorted(path.stem for path in (HERE / "locks").glob("*.txt"))
    if len(arguments) != 1 or arguments[0] not in known:
        raise BootstrapError(f"bootstrap.py takes one of: {', '.join(known)}.")
    return HERE / "locks" / f"{arguments[0]}.txt"


def prepare(lock: Path) -> Path:
    """Return the interpreter of the lock's environment, made now if a sound one is not there."""
    root = home()
    mark = root / f"{key_of(lock)}.mark"
    folder = kept(mark)
    if folder is None:
        with one_at_a_time(mark.with_suffix(".lock")):
            folder = kept(mark) or build(mark, lock)
        sweep(root)
    return interpreter(folder)


def home() -> Path:
    """Return where environments are kept: the first of the runner's folders that we alone can write to."""
    for name in ("RUNNER_TOOL_CACHE", "RUNNER_TEMP"):
        if os.environ.get(name):
            root = Path(os.environ[name], "ml-cicd")
            with contextlib.suppress(OSError):
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                if os.access(root, os.R_OK | os.W_OK | os.X_OK) and is_ours(root):
                    return root
    root = HERE.parent / ".ml-cicd-env"
    root.mkdir(exist_ok=True)
    return root


def is_ours(folder: Path) -> bool:
    """Whether no other user may write there: what they leave would run as us."""
    facts = folder.stat()
    return not hasattr(os, "getuid") or (facts.st_uid == os.getuid() and not facts.st_mode & stat.S_IWOTH)


def key_of(lock: Path) -> str:
    """Return what an environment must have in common with us: another C library or user is another environment."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    machine = [sys.version, os.path.realpath(sys.executable), sysconfig.get_platform(), *platform.libc_ver(), user]
    text = "\0".join(map(str, [lock.read_text("utf-8"), HERE, *machine]))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def kept(mark: Path) -> Path | None:
    """Return the environment that the mark names, if every file in it is as it was when the mark was written."""
    try:
        name, text = mark.read_text("utf-8").split("\n", 1)
        os.utime(mark)  # in use: nobody sweeps it away
        folder = mark.parent / name
        changed = first_change(folder, json.loads(text))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as problem:
        changed = str(problem)
    if changed:
        print(f"ml-cicd: the kept environment is not whole ({changed}); making it anew", flush=True)
        return None
    return folder


def first_change(folder: Path, known: dict[str, list[object]]) -> str:
    """Name a file that is not as the mark says: empty for none. What the file system says is untouched is not read."""
    found = dict(files_of(folder))
    differs = sorted(found.keys() ^ known.keys())
    if differs or not interpreter(folder).exists():
        return differs[0] if differs else "its interpreter is gone"
    for name, stamp in found.items():
        if list(stamp) != known[name][:3] and digest(folder / name) != known[name][3]:
            return name
    return ""


def files_of(folder: Path, below: str = "") -> Iterator[tuple[str, Stamp]]:
    """Yield the path of each file and link in a folder, with size and times."""
    with os.scandir(folder / below) as entries:
        for entry in entries:
            name = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from files_of(folder, f"{name}/")
            else:
                facts = entry.stat(follow_symlinks=False)
                yield name, (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def digest(path: Path) -> str:
    """Return the hash of a file as RECORD writes it, or where a link leads."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").digest()
    return base64.urlsafe_b64encode(found).decode().rstrip("=")


def build(mark: Path, lock: Path) -> Path:
    """Make the environment in a folder of its own, look at it, and write the mark."""
    folder = Path(tempfile.mkdtemp(prefix=f"{mark.stem}-", dir=mark.parent))
    try:
        venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
        if names_packages(lock):
            install(interpreter(folder), lock)
        sites = site_folders(folder)
        (sites[0] / "ml_cicd.pth").write_text(f"{HERE}\n", encoding="utf-8")
        compile_all(interpreter(folder), [*sites, HERE / "ml_cicd"])
        known = {name: [*stamp, digest(folder / name)] for name, stamp in files_of(folder)}
        check_installed(folder, sites, lock, {name: str(facts[-1]) for name, facts in known.items()})
        fresh = folder.with_suffix(".fresh")
        fresh.write_text(f"{folder.name}\n{json.dumps(known)}", encoding="utf-8")
        fresh.replace(mark)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def site_folders(folder: Path) -> list[Path]:
    """Return where an environment's packages are; pure and compiled ones are apart on some systems."""
    places = {"base": str(folder), "platbase": str(folder)}
    return list(dict.fromkeys(Path(sysconfig.get_path(kind, "venv", places)) for kind in ("purelib", "platlib")))


def install(python: Path, lock: Path) -> None:
    """Install what the lock names with the pip of the interpreter that runs this."""
    print(f"ml-cicd: installing {lock.stem} packages, hash-locked", flush=True)
    command = [sys.executable, "-I", "-m", "pip", "--python", str(python), "install", "--quiet", "--no-input"]
    command += [
        "--disable-pip-version-check",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--no-deps",
        "--no-compile",
    ]
    answer = subprocess.run(
        [*command, "-r", str(lock)], check=False, env=pip_environment(), capture_output=True, text=True
    )
    if answer.returncode != 0:
        last = " / ".join(answer.stderr.strip().splitlines()[-3:])
        raise BootstrapError(f"The packages of {lock.name} could not be installed: {last}. Check the package index.")


def pip_environment() -> dict[str, str]:
    """Return an environment in which pip has only those settings of the machine that say how to reach packages."""
    plain = {k: v for k, v in os.environ.items() if k not in HIDDEN and not k.startswith(HIDDEN_PREFIXES)}
    given = {k: v for k, v in os.environ.items() if k.startswith("PIP_") and k != "PIP_PYTHON"}
    command = [sys.executable, "-I", "-m", "pip", "-vvv", "config", "list"]  # loud: a setting may make pip silent
    answer = subprocess.run(command, check=False, env={**plain, **given}, capture_output=True, text=True)
    if answer.returncode != 0:
        last = " / ".join(answer.stderr.strip().splitlines()[-3:])
        raise BootstrapError(f"pip cannot say its settings: {last}. Check the interpreter and pip's configuration.")
    found = {"config-file": os.devnull}  # said in full below
    for section in ("global", "install", ":env:"):  # pip's own order: a later one wins
        for whole in SETTING.finditer(answer.stdout):
            if whole[0].startswith(f"{section}.") and whole[1] in KEPT_SETTINGS:
                found[whole[1]] = " ".join(str(ast.literal_eval(whole[2])).split("\n"))
    return {**plain, **{f"PIP_{name.upper().replace('-', '_')}": value for name, value in found.items()}}


def compile_all(python: Path, folders: list[Path]) -> None:
    """Compile on all cores what will be imported; what cannot be compiled is not for this version of Python."""
    command = [str(python), "-I", "-m", "compileall", "-q", "-j", "0", *map(str, folders)]
    subprocess.run(command, check=False, capture_output=True)


def check_installed(folder: Path, sites: list[Path], lock: Path, hashes: dict[str, str]) -> None:
    """Hold the environment against the lock, and each file of a package against the package's own record."""
    found = {plain(one.metadata["Name"]): one for one in distributions(path=list(map(str, sites)))}
    wrong = lacking(lock, {name: one.version for name, one in found.items()})
    if wrong:
        raise BootstrapError(f"pip installed {lock.name} without {', '.join(wrong[:5])}. Check pip's configuration.")
    for name, one in found.items():
        for file in one.files or ():
            path = os.path.relpath(os.path.normpath(file.locate()), folder).replace(os.sep, "/")
            if file.hash and hashes.get(path) != file.hash.value:
                raise BootstrapError(f"{path} is not as the package {name} says. Is the disk full?")


def lacking(lock: Path, found: dict[str, str]) -> list[str]:
    """Return what the lock names and an environment does not have."""
    wanted = PINNED.findall(lock.read_text("utf-8"))
    return [f"{name} {version}" for name, version in wanted if found.get(plain(name)) != version]


def plain(name: str) -> str:
    """Return a package's name as a lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_given(python: Path, lock: Path) -> Path:
    """Return the given interpreter if its environment holds the lock's packages at the lock's versions."""
    if not python.is_file():
        raise BootstrapError(f"ML_CICD_TOOL_ENV names {python}, which is not an interpreter.")
    script = (
        "import json, sys; from importlib.metadata import distributions\n"
        "print(json.dumps({d.metadata['Name']: d.version for d in distributions()}))\n"
        "import ml_cicd"
    )
    answer = subprocess.run([str(python), "-I", "-c", script], check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise BootstrapError(f"{python} cannot import ml_cicd; install this very checkout into its environment.")
    found = json.loads(answer.stdout.splitlines()[0])
    wrong = lacking(lock, {plain(name): version for name, version in found.items()})
    if wrong:
        raise BootstrapError(f"The environment of {python} lacks {', '.join(wrong[:5])}; make it from {lock.name}.")
    return python


def names_packages(lock: Path) -> bool:
    """Whether the lock names anything; an empty one needs no pip."""
    return any(line.strip() and not line.startswith("#") for line in lock.read_text("utf-8").splitlines())


def interpreter(folder: Path) -> Path:
    """Return an environment's interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def sweep(root: Path) -> None:
    """Remove environments that nobody has used for a week, and folders without a mark that are as old."""
    with contextlib.suppress(OSError):
        for mark in root.glob("*.mark"):
            old = mark.with_suffix(".old")
            if is_old(mark):
                mark.rename(old)
                # Whoever began to use it meanwhile has said so first.
                old.unlink() if is_old(old) else old.rename(mark)
        named = {mark.read_text("utf-8").split("\n", 1)[0] for mark in root.glob("*.mark")}
        for folder in root.iterdir():
            if folder.is_dir() and folder.name not in named and is_old(folder):
                shutil.rmtree(folder, ignore_errors=True)


def is_old(path: Path) -> bool:
    """Whether nobody has touched it for a week."""
    return time.time() - path.stat().st_mtime > UNUSED_SECONDS


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one run install and the others wait for it.

    The system frees the lock of a run that ends, however it ends. It saves work, no more: whoever has waited too
    long, or is where no file can be locked, makes an environment in a folder of its own.
    """
    with path.open("a", encoding="utf-8") as stream:
        end = time.monotonic() + WAIT_SECONDS
        said = False
        while not locked(stream) and time.monotonic() < end:
            if not said:
                print("ml-cicd: waiting for another run that installs the same packages", flush=True)
                said = True
            time.sleep(0.1)
        yield


def locked(stream: TextIO) -> bool:
    """Take the lock if nobody holds it; true also where no file can be locked."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno not in {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
    return True


def publish(python: Path) -> None:
    """Hand the interpreter to the next step."""
    print(f"ml-cicd: {python}", flush=True)
    if os.environ.get("GITHUB_OUTPUT"):
        fence = f"ghadelimiter_{uuid.uuid4()}"
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as stream:
            stream.write(f"python<<{fence}\n{python}\n{fence}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
