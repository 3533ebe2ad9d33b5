"""Replay held-out images against one address on this machine at a steady rate, and count what comes back.

    python load.py --port 8080 --images build/images.json --rate 300 --seconds 240 --out load.json --lifeline demo.lock

One image in twenty comes from a scanner with a stuck pixel: its ink level is 31 where 16 is the most. Ends after
`--seconds`, on SIGTERM, or when nobody holds the lock on the lifeline. `--out` is written every half second:
{"total", "failed", "served": {version: n}, "failures": {version: n}, "seconds": {epoch second: [total, failed]}}.
"""

import argparse
import fcntl
import http.client
import json
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

WORKERS = 4
STUCK_SHARE = 0.05
STUCK_LEVEL = 31
LONGEST_SECONDS = 600
HIGHEST_RATE = 1000


class Tally:
    """What came back so far; the workers share it."""

    def __init__(self) -> None:
        """Start from nothing."""
        self._lock = threading.Lock()
        self._served: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._seconds: dict[int, list[int]] = {}

    def count(self, version: str, *, failed: bool) -> None:
        """Count one answer; the empty version is an answer that no model gave."""
        with self._lock:
            self._served[version] += 1
            self._failures[version] += failed
            second = self._seconds.setdefault(int(time.time()), [0, 0])
            second[0] += 1
            second[1] += failed

    def write(self, path: Path) -> None:
        """Write all of it, at once or not at all."""
        with self._lock:
            content = {
                "total": self._served.total(),
                "failed": self._failures.total(),
                "served": dict(self._served),
                "failures": dict(self._failures),
                "seconds": self._seconds,
            }
            text = json.dumps(content)
        draft = path.with_suffix(".draft")
        draft.write_text(text, encoding="ascii")
        draft.replace(path)


def bodies(images: list[list[int]], seed: int) -> list[bytes]:
    """Return request bodies in random order, one in twenty with a stuck pixel."""
    chance = random.Random(seed)
    result = []
    for _ in range(5_000):
        pixels = list(chance.choice(images))
        if chance.random() < STUCK_SHARE:
            pixels[chance.randrange(len(pixels))] = STUCK_LEVEL
        result.append(json.dumps({"inputs": [pixels]}).encode())
    return result


def ask(connection: http.client.HTTPConnection, body: bytes) -> tuple[str, bool]:
    """Send one image; return the version that answered and whether the request failed."""
    try:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return "", True
    try:
        version = str(json.loads(content)["version"])
    except (ValueError, KeyError, TypeError):
        version = ""
    return version, answer.status != http.client.OK


def work(asked: argparse.Namespace, tally: Tally, stop: threading.Event, seed: int) -> None:
    """Send one request after another, each at its own time: a slow answer delays no later one more than it must."""
    queue = bodies(json.loads(asked.images.read_text(encoding="ascii")), seed)
    connection = http.client.HTTPConnection("127.0.0.1", asked.port, timeout=5)
    gap = WORKERS / asked.rate
    due = time.monotonic() + gap * seed / WORKERS
    number = 0
    while not stop.wait(max(0.0, due - time.monotonic())):
        version, failed = ask(connection, queue[number % len(queue)])
        tally.count(version, failed=failed)
        number += 1
        due = max(due + gap, time.monotonic() - 1)
    connection.close()


def is_free(lifeline: Path) -> bool:
    """Whether nobody holds the lock on the file any more."""
    with lifeline.open(encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def main() -> None:
    """Start the workers, write the tally until it is time to stop."""
    parser = argparse.ArgumentParser(description="Replay digits against 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lifeline", type=Path, required=True)
    asked = parser.parse_args()
    if not (0 < asked.rate <= HIGHEST_RATE and 0 < asked.seconds <= LONGEST_SECONDS):
        parser.error(f"at most {HIGHEST_RATE} requests a second for at most {LONGEST_SECONDS} s")
    stop, tally = threading.Event(), Tally()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    workers = [threading.Thread(target=work, args=(asked, tally, stop, seed), daemon=True) for seed in range(WORKERS)]
    for worker in workers:
        worker.start()
    end = time.monotonic() + asked.seconds
    while time.monotonic() < end and not stop.wait(0.5) and not is_free(asked.lifeline):
        tally.write(asked.out)
    stop.set()
    for worker in workers:
        worker.join(timeout=6)
    tally.write(asked.out)


if __name__ == "__main__":
    main()
