"""How long a rollback takes on a machine that has everything: to the last request that the bad version served, and to
the command's end, when the record is written too.

    python benchmarks/warm_rollback.py [times]

Two versions are released on a real HAProxy and a sqlite registry. Then the command line puts one and the other back in
turn, under a load that notes who answers.
"""

import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.two_releases import two_releases  # noqa: E402
from tests.e2e.serving import serving  # noqa: E402
from tests.e2e.test_interruption import Site  # noqa: E402

TIMES = 20
PAUSE_SECONDS = 0.005


class Watch(threading.Thread):
    """Asks the front door again and again; `answers` are (seconds of a monotonic clock, version)."""

    def __init__(self, port: int) -> None:
        """Name the front port."""
        super().__init__()
        self.port = port
        self.answers: list[tuple[float, str]] = []
        self.done = threading.Event()

    def run(self) -> None:
        """Ask until `done` is set."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.done.wait(PAUSE_SECONDS):
            connection.request("GET", "/")
            version = str(json.loads(connection.getresponse().read())["version"])
            self.answers.append((time.monotonic(), version))
        connection.close()


def once(site: Site, version: str) -> tuple[float, float]:
    """Put a version back; return the seconds to the last answer of the other one, and to the command's end."""
    watch = Watch(site.target.port)
    watch.start()
    begun = time.monotonic()
    try:
        site.run("rollback", f"--to={version}", "--reason=measured")
    finally:
        ended = time.monotonic() - begun
        watch.done.set()
        watch.join()
    if watch.answers[-1][1] != version:
        sys.exit(f"version {watch.answers[-1][1]} serves, not {version}")
    return max(at - begun for at, found in watch.answers if found != version), ended


def main() -> None:
    """Measure and print p50 and p95."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as temp, serving() as target:
        folder = Path(temp)
        site = two_releases(folder, target)
        taken = []
        for n in range(times):
            taken.append(once(site, "1" if n % 2 == 0 else "2"))
            print(f"{n + 1} of {times}", end="\r", file=sys.stderr, flush=True)
    show("last answer of the version left", [traffic for traffic, _ in taken])
    show("command's end", [whole for _, whole in taken])


def show(words: str, seconds: list[float]) -> None:
    """Print one line."""
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    print(f"{words:32} p50 {statistics.median(seconds):5.2f} s   p95 {p95:5.2f} s   ({len(seconds)} times)")


if __name__ == "__main__":
    main()
