"""Prepare what demo and tests need. Standard library only; a second run has nothing to do.

    python tools/setup.py          all of it
    python tools/setup.py demo     without the tools that only the tests of actions and workflows need

    .venv/       Python packages, hash-locked (python/locks/dev.txt), and this project
    HAProxy      through the machine's package manager
    .tools/bin/  act and actionlint, when Go is there: for the tests
    .zoo/        the libraries that write the models of tests/zoo, hash-locked (python/locks/zoo.txt), over .venv

TORCH_INDEX_URL=... takes torch from that index, e.g. one of CPU-only builds, instead of the default one, whose Linux
build brings several GB of CUDA. That one wheel is then not checked against the lock, which knows the default build.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK_FILE = ROOT / "python" / "locks" / "dev.txt"
ZOO = ROOT / ".zoo"
ZOO_LOCK = ROOT / "python" / "locks" / "zoo.txt"
TOOLS = ROOT / ".tools" / "bin"
GO_TOOLS = {
    "act": ("github.com/nektos/act", "v0.2.89"),
    "actionlint": ("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12"),
}
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
CUDA = re.compile(r"^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==")
INSTALLERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "apt-get": (
        ("apt-get", "update", "-qq"),
        ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "haproxy"),
    ),
    "dnf": (("dnf", "install", "-y", "-q", "haproxy"),),
    "apk": (("apk", "add", "-q", "haproxy"),),
    "pacman": (("pacman", "-S", "--noconfirm", "--quiet", "haproxy"),),
    "brew": (("brew", "install", "--quiet", "haproxy"),),
}


class SetupError(Exception):
    """Something that the person at the keyboard must mend."""


def say(line: str) -> None:
    """Print one line at once."""
    print(f"setup: {line}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Prepare all of it, or what the demo needs; one run at a time."""
    if list(arguments) not in ([], ["demo"]):
        say("this takes nothing, or `demo`.")
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036  # this file is the one that older ones reach
        say(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}. Use `make PYTHON=python3.11 ...`.")
        return 1
    with (ROOT / ".setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            prepare_python()
        except SetupError as problem:
            say(str(problem))
            return 1
        prepare_haproxy()
        if not arguments:
            prepare_go_tools()
            prepare_zoo()
    return 0


def stamp() -> str:
    """Return what the environment was made from; another text means making it again."""
    parts = [LOCK_FILE.read_text(), (ROOT / "pyproject.toml").read_text(), sys.version, str(ROOT)]
    parts.append(os.environ.get("TORCH_INDEX_URL", ""))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def prepare_python() -> None:
    """Make .venv from the lock, unless it was made from this very lock."""
    mark = VENV / ".made-from"
    wanted = stamp()
    if mark.is_file() and mark.read_text() == wanted and PYTHON.exists():
        return
    begun = time.monotonic()
    mark.unlink(missing_ok=True)
    if not PYTHON.exists():
        say("making .venv")
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "Is the package python3-venv installed?")
    say("installing Python packages (several GB with CUDA's torch; see TORCH_INDEX_URL in the README)")
    install_packages()
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], "Is pyproject.toml whole?")
    mark.write_text(wanted)
    say(f"Python packages are ready after {time.monotonic() - begun:.0f} s")


def install_packages() -> None:
    """Install what the lock names; every file must have the hash that the lock knows."""
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    cure = "Check the network and the package index, then run this again; what is there is kept."
    index = os.environ.get("TORCH_INDEX_URL", "")
    if not index:
        run([*pip, "--require-hashes", "--requirement", str(LOCK_FILE)], cure)
        return
    entries = re.split(r"\n(?=[a-z0-9])", LOCK_FILE.read_text())
    torch = next(e.split()[0] for e in entries if e.startswith("torch=="))
    say(f"taking {torch} from {index}; its hash is not checked")
    run([*pip, "--index-url", index, torch], cure)
    rest = VENV / "lock-without-torch.txt"
    rest.write_text("\n".join(e for e in entries if not CUDA.match(e)) + "\n")
    run([*pip, "--require-hashes", "--requirement", str(rest)], cure)


def prepare_zoo() -> None:
    """Make .zoo, unless it was made from this lock over this .venv; without it the tests of tests/zoo are skipped."""
    mark, wanted = ZOO / ".made-from", stamp() + ZOO_LOCK.read_text()
    if mark.is_file() and mark.read_text() == wanted:
        return
    say("installing the libraries that write models (about 500 MB)")
    mark.unlink(missing_ok=True)
    try:
        run([str(PYTHON), "-m", "venv", "--clear", "--without-pip", str(ZOO)], "Is the package python3-venv installed?")
        (shared,) = (VENV / "lib").glob("python*/site-packages")
        (own,) = (ZOO / "lib").glob("python*/site-packages")
        (own / "shared.pth").write_text(f"{shared}\n")
        pip = [str(PYTHON), "-m", "pip", "--python", str(ZOO / "bin" / "python"), "install", "--quiet", "--no-deps"]
        run([*pip, "--require-hashes", "--requirement", str(ZOO_LOCK)], "Check the network and the package index.")
    except SetupError as problem:
        say(f"{problem} The tests of tests/zoo are skipped.")
        return
    mark.write_text(wanted)


def prepare_haproxy() -> None:
    """Install HAProxy through the machine's package manager when it is missing."""
    if shutil.which("haproxy") or any(shutil.which("haproxy", path=folder) for folder in SYSTEM_FOLDERS):
        return
    manager = next((name for name in INSTALLERS if shutil.which(name)), None)
    sudo: list[str] = []
    if manager != "brew" and os.geteuid() != 0:
        sudo = ["sudo", "-n"]
    if manager is None or (sudo and not shutil.which("sudo")):
        say("HAProxy is missing and cannot be installed from here. Install it by hand: the demo needs it.")
        return
    say(f"installing HAProxy with {manager}")
    for command in INSTALLERS[manager]:
        if subprocess.run([*sudo, *command], check=False, stdin=subprocess.DEVNULL).returncode != 0:
            say(f"`{' '.join([*sudo, *command])}` failed. Install HAProxy by hand; the demo needs it, tests skip it.")
            return


def prepare_go_tools() -> None:
    """Build act and actionlint at their pinned versions, when Go is there."""
    go = shutil.which("go")
    for name, (module, version) in GO_TOOLS.items():
        binary = TOOLS / name
        mark = TOOLS / f".{name}-{version}"
        if binary.exists() and mark.exists():
            continue
        if go is None:
            say(f"Go is not installed: {name} is missing, and the tests that need it are skipped.")
            continue
        say(f"building {name} {version}")
        TOOLS.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(TOOLS), "GOFLAGS": "-mod=mod"}
        built = subprocess.run([go, "install", f"{module}@{version}"], env=environment, check=False)
        if built.returncode == 0:
            mark.touch()
        else:
            say(f"{name} could not be built; the tests that need it are skipped.")


def run(command: Sequence[str], cure: str) -> None:
    """Run one command, or stop with what to do."""
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    if subprocess.run(command, check=False, env=environment).returncode != 0:
        raise SetupError(f"`{' '.join(command[:6])} ...` failed. {cure}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
