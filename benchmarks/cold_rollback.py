"""How long a rollback takes through its action on a machine that has nothing of ours: no environment, no pip cache.

    python benchmarks/cold_rollback.py

Two versions are released on a real HAProxy and a sqlite registry first, warm. Then the steps of
actions/rollback/action.yml run as the runner does, from an empty RUNNER_TEMP and an empty pip cache (packages come from
the package index). Printed are the seconds from the start of our first step to the first moment at which HAProxy
serves the version before, and to the end of the action, when the record is written too.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.two_releases import two_releases  # noqa: E402
from tests.actions.composite_runner import run_action  # noqa: E402
from tests.e2e.serving import Serving, serving  # noqa: E402

LONGEST_SECONDS = 600.0


def moved(target: Serving, version: str, begun: float, seen: list[float]) -> None:
    """Ask the front door until this version answers, and keep the seconds that it took."""
    while time.monotonic() - begun < LONGEST_SECONDS:
        if target.version() == version:
            seen.append(time.monotonic() - begun)
            return
        time.sleep(0.05)


def main() -> None:
    """Measure once and print."""
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as temp, serving() as target:
        folder, empty = Path(temp) / "site", Path(temp) / "empty"
        folder.mkdir()
        empty.mkdir()
        two_releases(folder, target)
        environ = {
            **target.environ,
            "PATH": os.environ["PATH"],
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/registry.db",
            "RUNNER_TEMP": str(empty),
            "PIP_CACHE_DIR": str(empty / "pip"),
        }
        seen: list[float] = []
        begun = time.monotonic()
        watch = threading.Thread(target=moved, args=(target, "1", begun, seen))
        watch.start()
        inputs = {"python": str(Path(sys.base_prefix) / "bin" / "python3"), "reason": "measured"}
        result = run_action(ROOT / "actions" / "rollback", inputs, workspace=folder, environ=environ)
        whole = time.monotonic() - begun
        watch.join()
        if not result.succeeded or result.outputs["to-version"] != "1":
            sys.exit(result.log)
        print(f"traffic at the version before   {seen[0]:6.1f} s")
        print(f"record written, action ended    {whole:6.1f} s")


if __name__ == "__main__":
    main()
