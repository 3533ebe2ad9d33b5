"""A deterministic simulation of rollouts: many histories in which five laws hold, and bugs that break them."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain

import pytest

from tests.simulation.explore import explored
from tests.simulation.histories import History, calls, drawn, live, parse, shrunk, singles
from tests.simulation.invariants import Broken
from tests.simulation.planted import BUGS, Bug
from tests.simulation.schedule import Act
from tests.simulation.stories import STORIES, Story

HISTORIES = 100_000
HUNT = 20_000
FAR = 7919


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_laws_hold_where_nothing_happens(story: Story) -> None:
    """Each story ends well, and a second life of it is the same, call by call."""
    history = History(story=story.name)
    first: list[str] = []
    second: list[str] = []
    assert live(history, first).broken is None, "\n".join(first)
    live(history, second)
    assert first == second


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_laws_hold_in_every_history() -> None:
    """A hundred thousand histories: every single fault of every story, then random ones of up to six."""
    result = explored(HISTORIES, workers=os.cpu_count() or 1, say=lambda line: print(line, file=sys.stderr))
    assert result.broken is None, result.words()
    assert result.distinct > HISTORIES / 2
    print(result.words())


def hunt(bug: Bug) -> tuple[Broken, History, int]:
    """Look for a planted bug, in an order in which each story comes soon."""
    for story in STORIES:  # what happens before a story is not the bug's
        calls(story.name)
    order = [History(story=story.name) for story in STORIES]
    with bug.planted():
        for number, history in enumerate(chain(order, mixed()), start=1):
            found = live(history).broken
            if found is not None:
                return found, history, number
    pytest.fail(f"{bug.name}: no law broke in {HUNT} histories")


def mixed() -> Iterator[History]:
    """Return single and random histories in turn."""
    for number, single in enumerate(every_single()[: HUNT // 2]):
        yield single
        yield drawn(number)


@cache
def every_single() -> tuple[History, ...]:
    """Return the histories of one act: those in which two processes meet come first, then each story soon."""
    found = [history for history in singles() if history.acts]
    far = [found[(number * FAR) % len(found)] for number in range(len(found))]
    return tuple(sorted(far, key=lambda history: history.acts[0][1] is not Act.SWITCH))


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    """Some law breaks, the product that is whole again keeps it in the same history, and a shorter one tells it too."""
    broken, history, number = hunt(bug)
    assert live(history).broken is None
    with bug.planted():
        short = shrunk(history)
        again = live(short).broken
    assert again is not None
    assert again.law is broken.law
    assert len(short.acts) <= len(history.acts)
    print(f"{bug.name}: {broken.law.name} after {number} histories, {short.story!r} {short.words!r}: {broken.what}")


def test_a_history_is_read_as_it_is_written() -> None:
    """The words that a failure prints replay it."""
    history = drawn(5)
    assert parse(history.story, history.words) == history
