"""How long each command takes to a clear end when something outside is dead, silent, or sends a byte now and then.

    python benchmarks/dead_outside.py

Of two versions one serves on a real HAProxy, the other stands by, and a third waits to be registered. For each fault
and command one line: seconds, exit code, and the last words. A rollback is a real one, to the version that stands by.
"""

import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.two_releases import two_releases  # noqa: E402
from tests.contracts.haproxy_process import free_port  # noqa: E402
from tests.contracts.test_mlflow_reach import HALF_AN_ANSWER, dripping  # noqa: E402
from tests.e2e.serving import serving  # noqa: E402
from tests.e2e.test_interruption import Site  # noqa: E402

COMMANDS = (("status",), ("doctor",), ("register", "--model=model"))
REGISTRY = "MLFLOW_TRACKING_URI"
WORDS = 90


@contextmanager
def mute(folder: Path) -> Iterator[tuple[str, str]]:
    """A port and a unix socket that accept and never answer."""
    path = str(folder / "mute.sock")
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen()
        yield f"http://127.0.0.1:{port.getsockname()[1]}", path


def measure(site: Site, fault: str, variables: dict[str, str]) -> float:
    """Print a line for each command; return the longest."""
    longest = 0.0
    other = "1" if site.target.version() == "2" else "2"
    for command in (*COMMANDS, ("rollback", f"--to={other}", "--reason=measured")):
        begun = time.monotonic()
        process = site.start(*command, **variables)
        output, _ = process.communicate(timeout=600)
        taken = time.monotonic() - begun
        longest = max(longest, taken)
        last = [line for line in output.splitlines() if line.strip()][-1].strip()[:WORDS]
        print(f"{fault:34} {command[0]:9} {taken:5.1f} s  exit {process.returncode:3}  {last}", flush=True)
    return longest


def main() -> None:
    """Measure everything once."""
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as temp, serving() as target:
        folder = Path(temp)
        site = two_releases(folder, target)
        site.release("third")
        late = dripping(HALF_AN_ANSWER, honest=2)
        with mute(folder) as (silent, silent_socket), dripping(HALF_AN_ANSWER) as drips, late as later:
            refused = f"http://127.0.0.1:{free_port()}"
            serving_slot, standby = "SLOT_{serves}", "SLOT_{idle}"
            faults = {
                "nothing": {},
                "registry refuses": {REGISTRY: refused},
                "registry is silent": {REGISTRY: silent},
                "registry drips": {REGISTRY: drips},
                "registry drips after two answers": {REGISTRY: later},
                "serving slot is gone": {serving_slot: refused},
                "serving slot is silent": {serving_slot: silent},
                "serving slot drips": {serving_slot: drips},
                "standby slot is silent": {standby: silent},
                "standby slot drips": {standby: drips},
                "HAProxy's socket is gone": {"HAPROXY_SOCKET": target.environ["HAPROXY_SOCKET"] + ".gone"},
                "HAProxy is silent": {"HAPROXY_SOCKET": silent_socket},
                "registry and both slots are silent": {REGISTRY: silent, serving_slot: silent, standby: silent},
            }
            longest = 0.0
            for fault, variables in faults.items():
                serves, idle = site.split().upper().split(":")[:2]
                named = {name.format(serves=serves, idle=idle): value for name, value in variables.items()}
                longest = max(longest, measure(site, fault, named))
    print(f"longest: {longest:.1f} s")


if __name__ == "__main__":
    main()
