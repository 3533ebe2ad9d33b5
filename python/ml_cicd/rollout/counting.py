"""From cumulative counters to what both arms did between two looks."""

from collections.abc import Mapping
from dataclasses import replace

from ml_cicd.rollout.guardrail import Window
from ml_cicd.rollout.state import Counters
from ml_cicd.rollout.times import grown as times_grown


def difference(
    before: Mapping[str, Counters] | None, now: Mapping[str, Counters], slots: tuple[str, ...]
) -> tuple[tuple[Window, ...] | None, Mapping[str, Counters]]:
    """Return what each of `slots` did between two readings, and the reading that the next one starts from.

    Nothing where there is no earlier reading. Events beyond requests are carried over to the next look: the counters
    of one scrape are read a moment apart, and a failure may show before its request does.
    """
    if before is None or any(slot not in before or slot not in now for slot in slots):
        return None, now
    base = dict(now)
    windows = []
    for slot in slots:
        grown = _growth(before[slot], now[slot])
        excess = {name: max(0, count - grown.requests) for name, count in grown.events.items()}
        windows.append(replace(grown, events={name: count - excess[name] for name, count in grown.events.items()}))
        base[slot] = replace(
            now[slot], events={name: count - excess.get(name, 0) for name, count in now[slot].events.items()}
        )
    return tuple(windows), base


def _growth(before: Counters, now: Counters) -> Window:
    """Return what was added; a new epoch, or a counter that fell, means that all of them started from zero.

    What the source began to count in between starts at its present value: its history is no look's.
    """
    restarted = (
        before.epoch != now.epoch
        or now.requests < before.requests
        or any(now.events[name] < count for name, count in before.events.items() if name in now.events)
    )
    if restarted:
        before = Counters(requests=0, epoch=now.epoch, events=dict.fromkeys(now.events, 0), open=0, times={})
    events = {name: count - before.events.get(name, count) for name, count in now.events.items()}
    ended = now.requests - before.requests
    seen = Window(requests=ended, events=events, times=times_grown(before.times, now.times))
    if now.open is None or before.open is None:
        return seen
    return replace(seen, started=max(0, ended + now.open - before.open), open=now.open)
