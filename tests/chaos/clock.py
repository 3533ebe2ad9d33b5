"""A clock that a test sets, for HAProxy and controllers alike: seconds off, in a file that both read."""

import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
BYTES = 8


def build(folder: Path) -> Path | None:
    """Build what lets HAProxy read the file; nothing where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True)
    return library


def set_clock(path: Path, seconds: int) -> None:
    """Step to so many seconds off, in place: it is mapped into memory."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(handle, seconds.to_bytes(BYTES, "little", signed=True), 0)
    finally:
        os.close(handle)


def seconds_off(path: Path) -> int:
    """Return how many seconds off it is."""
    return int.from_bytes(path.read_bytes(), "little", signed=True)
