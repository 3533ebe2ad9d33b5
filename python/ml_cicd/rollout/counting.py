"""From cumulative counters to what both arms did between two looks."""

from collections.abc import Mapping
from dataclasses import replace

from ml_cicd.rollout.guardrail import Window
from ml_cicd.rollout.state import Counters
from ml_cicd.rollout.times import grown as times_grown

CHARGED = "errors"  # the event that a request is which the other slot answered


def difference(
    before: Mapping[str, Counters] | None, now: Mapping[str, Counters], slots: tuple[str, ...]
) -> tuple[tuple[Window, ...] | None, Mapping[str, Counters]]:
    """Return what each of `slots` did between two readings, and the reading that the next one starts from.

    Nothing where there is no earlier reading. Events beyond requests are carried over to the next look: the counters
    of one scrape are read a moment apart, and a failure may show before its request does. An event that was there
    before and is missing now, though nothing has restarted, was about to be counted in another way: it still counts.
    """
    if before is None or any(slot not in before or slot not in now for slot in slots):
        return None, now
    base = dict(now)
    windows = []
    for slot in slots:
        was, reads = _from_the_same_start(before[slot], now[slot])
        grown = _growth(was, reads)
        excess = {name: max(0, count - grown.requests) for name, count in grown.events.items()}
        windows.append(replace(grown, events={name: count - excess[name] for name, count in grown.events.items()}))
        base[slot] = replace(reads, events={name: count - excess[name] for name, count in reads.events.items()})
    return tuple(windows), base


def _from_the_same_start(before: Counters, now: Counters) -> tuple[Counters, Counters]:
    """Return both readings as if none had restarted: a new epoch, or fewer requests, means that all began at zero.

    Times of the same epoch go on: HAProxy's `clear counters all` clears no table, and their history is no look's.
    """
    if before.epoch != now.epoch or now.requests < before.requests:
        nothing = dict.fromkeys(now.events, 0)
        kinds = dict.fromkeys(now.kinds, 0)
        times = {} if before.epoch != now.epoch else before.times
        return Counters(requests=0, epoch=now.epoch, events=nothing, open=0, away=0, kinds=kinds, times=times), now
    return before, replace(
        now, events={name: max(count, before.events.get(name, 0)) for name, count in now.events.items()}
    )


def _growth(before: Counters, now: Counters) -> Window:
    """Return what was added. What the source began to count in between starts at its present value: its history is no
    look's.
    """
    events = {name: count - before.events.get(name, count) for name, count in now.events.items()}
    # A failure may come to be of another kind (a retry that failed after all): one more here, and one less there.
    kinds = {name: count - before.kinds.get(name, count) for name, count in now.kinds.items()}
    ended = now.requests - before.requests
    away = 0 if now.away is None or before.away is None else max(0, now.away - before.away)
    times = times_grown(before.times, now.times)
    down = not now.reachable or away > 0
    seen = Window(requests=ended, events=events, kinds=kinds, times=times, down=down, away=away)
    if now.open is None or before.open is None:
        return seen
    return replace(seen, started=max(0, ended + now.open - before.open), open=now.open)


def alive(window: Window) -> Window:
    """Return what an arm did itself: while it was down the other one answered, which says nothing of either."""
    events = {name: count - window.away * (name == CHARGED) for name, count in window.events.items()}
    return replace(
        window,
        requests=max(0, window.requests - window.away),
        started=None if window.started is None else max(0, window.started - window.away),
        events={name: max(0, count) for name, count in events.items()},
    )


def kinds_of(candidate: Window, champion: Window) -> Mapping[str, tuple[int, int]]:
    """Return the kinds of failure that one of them had, with both counts."""
    names = dict.fromkeys((*candidate.kinds, *champion.kinds))
    found = {name: (candidate.kinds.get(name, 0), champion.kinds.get(name, 0)) for name in names}
    return {name: both for name, both in found.items() if any(both)}
