"""The deploy hook: put the asked version on the asked slot. ml-cicd runs it and then asks the slot who it is.

    python deploy.py             reads ML_CICD_SLOT, ML_CICD_SLOT_URL, ML_CICD_MODEL, ML_CICD_VERSION, ML_CICD_DIGEST
                                 and MLFLOW_TRACKING_URI
    python deploy.py --restart   starts what each slot held last, after the machine has started again
    python deploy.py --stop      ends the servers of all slots

Downloads the version to slots/<slot>/<version> beside this file, checks its bytes against the digest, stops the slot's
server and starts the new one, which stays. Ends with 1 and leaves the old server alone when the bytes are not the ones
that were judged. With SERVE_LIFELINE=FILE a server ends when nobody holds a lock on FILE any more.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ml_cicd import payload_digest, violations

HERE = Path(__file__).resolve().parent
SLOTS = HERE / "slots"
PATIENCE = 10.0
PARTS = ("slot", "slot_url", "model", "version", "digest")
NOT_ITS_OWN = ("ML_CICD_", "MLFLOW_", "GITHUB_", "RUNNER_")  # a runner ends what carries RUNNER_TRACKING_ID


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


def folder_of(asked: Mapping[str, str]) -> Path:
    """Return where a version's files are."""
    return SLOTS / asked["slot"] / asked["version"]


def is_judged(asked: Mapping[str, str]) -> bool:
    """Whether the files are the ones that were judged, and hold nothing that runs when they are loaded."""
    digest, problems = payload_digest(folder_of(asked)), violations(folder_of(asked))
    if digest == asked["digest"] and not problems:
        return True
    print(f"version {asked['version']} is not what was judged: {digest} {' '.join(problems)}", file=sys.stderr)
    return False


def start(asked: Mapping[str, str]) -> None:
    """Start the server in a session of its own: it outlives this hook."""
    slot, port = asked["slot"], urlsplit(asked["slot_url"]).port
    command = [sys.executable, str(HERE / "server.py"), "--port", str(port), "--folder", str(folder_of(asked))]
    command += ["--model", asked["model"], "--version", asked["version"], "--digest", asked["digest"]]
    command += ["--pid-file", str(SLOTS / f"{slot}.pid")]
    if os.environ.get("SERVE_LIFELINE"):
        command += ["--lifeline", os.environ["SERVE_LIFELINE"]]
    around = {name: value for name, value in os.environ.items() if not name.startswith(NOT_ITS_OWN)}
    with (SLOTS / f"{slot}.log").open("ab") as log:
        subprocess.Popen(command, env=around, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def restart() -> int:
    """Start what each slot held last, where no server lives and the files are still the judged ones."""
    judged = True
    for note in sorted(SLOTS.glob("*.json")):
        asked = json.loads(note.read_text(encoding="utf-8"))
        if is_served(note.with_suffix(".pid")):
            continue
        if is_judged(asked):
            start(asked)
        else:
            judged = False
    return 0 if judged else 1


def main(arguments: list[str]) -> int:
    """Download, check, restart; or what an option asks for."""
    SLOTS.mkdir(exist_ok=True)
    if arguments == ["--restart"]:
        return restart()
    if arguments == ["--stop"]:
        for pid_file in SLOTS.glob("*.pid"):
            stop(pid_file)
        return 0
    asked = {part: os.environ[f"ML_CICD_{part.upper()}"] for part in PARTS}
    download(asked["model"], asked["version"], folder_of(asked))
    if not is_judged(asked):
        return 1
    stop(SLOTS / f"{asked['slot']}.pid")
    (SLOTS / f"{asked['slot']}.json").write_text(json.dumps(asked), encoding="utf-8")
    start(asked)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
