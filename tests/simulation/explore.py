"""Explore many histories on all cores: `python -m tests.simulation.explore 1000000`.

The first ones are all histories of one act, the others are drawn from their number, so each can be repeated:
`python -m tests.simulation.explore --replay 'two canaries' '30:SWITCH 63:FAIL'` tells one, call by call.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice

from tests.simulation.histories import History, calls, drawn, live, parse, shrunk, singles
from tests.simulation.invariants import Broken
from tests.simulation.stories import STORIES

CHUNK = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What came of some histories: how many, the distinct ones by a hash, and the first in which a law broke."""

    count: int
    distinct: frozenset[int]
    history: History | None = None
    broken: Broken | None = None


def numbered(first: int, count: int) -> Iterator[History]:
    """Return histories by their numbers: all of one act come first."""
    systematic = sum(1 for _ in singles())
    yield from islice(singles(), min(first, systematic), min(first + count, systematic))
    for seed in range(max(first, systematic), first + count):
        yield drawn(seed)


def explore(first: int, count: int) -> Found:
    """Let so many histories happen, until a law breaks."""
    seen = set()
    number = 0
    for number, history in enumerate(numbered(first, count), start=1):  # how many
        lived = live(history)
        seen.add(hash((history.story, lived.fired)))
        if lived.broken is not None:
            return Found(count=number, distinct=frozenset(seen), history=history, broken=lived.broken)
    return Found(count=number, distinct=frozenset(seen))


@dataclass(frozen=True, kw_only=True, slots=True)
class Explored:
    """What came of all."""

    count: int
    distinct: int
    seconds: float
    history: History | None
    broken: Broken | None

    def words(self) -> str:
        """Say it: a broken law with the shortest history that breaks it, and how to see it again."""
        rate = self.count / self.seconds
        said = f"{self.count:,} histories, {self.distinct:,} distinct, {self.seconds:.0f} s, {rate:,.0f} a second"
        if self.history is None or self.broken is None:
            return f"{said}. Every law held."
        short = shrunk(self.history)
        return (
            f"{said}.\nBROKEN: {self.broken.law}\n  {self.broken.what}\n"
            f"  {self.history.story!r} {self.history.words!r}\nTo see the shortest such history, call by call:\n"
            f"  python -m tests.simulation.explore --replay {short.story!r} {short.words!r}"
        )


def explored(count: int, *, workers: int, say: Callable[[str], None]) -> Explored:
    """Explore on several processes; `say` hears how far it is."""
    for story in STORIES:  # once, before the processes part
        calls(story.name)
    began = time.monotonic()
    seen: set[int] = set()
    done = 0
    with ProcessPoolExecutor(workers) as pool:
        parts = [pool.submit(explore, first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)]
        for part in as_completed(parts):
            found = part.result()
            done += found.count
            seen |= found.distinct
            seconds = time.monotonic() - began
            if found.broken is not None:
                pool.shutdown(cancel_futures=True)
                return Explored(
                    count=done, distinct=len(seen), seconds=seconds, history=found.history, broken=found.broken
                )
            left = seconds * (count - done) / done
            say(f"{done:,} of {count:,} histories, {len(seen):,} distinct, {left:,.0f} s left")
    return Explored(count=done, distinct=len(seen), seconds=time.monotonic() - began, history=None, broken=None)


def main(arguments: list[str]) -> int:
    """Explore, or tell one history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--replay", nargs=2, metavar=("STORY", "ACTS"))
    asked = parser.parse_args(arguments)
    if asked.replay:
        told: list[str] = []
        lived = live(parse(*asked.replay), told)
        print("\n".join(told))
        print(lived.broken or "Every law held.")
        return int(lived.broken is not None)
    result = explored(asked.count, workers=os.cpu_count() or 1, say=lambda line: print(line, flush=True))
    print(result.words())
    return int(result.broken is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
