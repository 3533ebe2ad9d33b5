"""The deploy hook: put the asked version on the asked slot. ml-cicd runs it and then asks the slot who it is.

Reads ML_CICD_SLOT, ML_CICD_SLOT_URL, ML_CICD_MODEL, ML_CICD_VERSION and ML_CICD_DIGEST, and MLFLOW_TRACKING_URI.
Downloads the version to slots/<slot>/<version>, checks its bytes against the digest, stops the slot's server and
starts the new one, which stays. Ends with 1 and leaves the old server alone when the bytes are not the judged ones.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from ml_cicd import payload_digest, violations

HERE = Path(__file__).resolve().parent
SLOTS = HERE / "slots"
PATIENCE = 10.0


def download(model: str, version: str, folder: Path) -> None:
    """Copy a version's files to a fresh folder."""
    import mlflow  # noqa: PLC0415  # slow to import

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mlflow.artifacts.download_artifacts(f"models:/{model}/{version}", dst_path=str(folder))


def is_served(pid_file: Path) -> bool:
    """Whether a server lives: it keeps its pid file locked."""
    with pid_file.open("a+", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def stop(pid_file: Path) -> None:
    """End the slot's server and wait until it is gone."""
    if not is_served(pid_file):
        return
    pid = int(pid_file.read_text(encoding="ascii"))
    end = time.monotonic() + PATIENCE
    sign = signal.SIGTERM
    while is_served(pid_file):
        if time.monotonic() > end:
            sign = signal.SIGKILL
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        time.sleep(0.05)


def start(slot: str, folder: Path, pid_file: Path) -> None:
    """Start the server in a session of its own: it outlives this hook."""
    port = urlsplit(os.environ["ML_CICD_SLOT_URL"]).port
    command = [sys.executable, str(HERE / "server.py"), "--port", str(port), "--folder", str(folder)]
    command += ["--version", os.environ["ML_CICD_VERSION"], "--digest", os.environ["ML_CICD_DIGEST"]]
    command += ["--pid-file", str(pid_file)]
    if os.environ.get("DIGITS_LIFELINE"):
        command += ["--lifeline", os.environ["DIGITS_LIFELINE"]]
    with (SLOTS / f"{slot}.log").open("ab") as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def main() -> int:
    """Download, check, restart."""
    slot, version = os.environ["ML_CICD_SLOT"], os.environ["ML_CICD_VERSION"]
    folder, pid_file = SLOTS / slot / version, SLOTS / f"{slot}.pid"
    download(os.environ["ML_CICD_MODEL"], version, folder)
    digest, problems = payload_digest(folder), violations(folder)
    if digest != os.environ["ML_CICD_DIGEST"] or problems:
        print(f"version {version} is not what was judged: {digest} {' '.join(problems)}", file=sys.stderr)
        return 1
    stop(pid_file)
    start(slot, folder, pid_file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
