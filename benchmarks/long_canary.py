"""What a look costs after a minute and after seven days of a canary, on a real HAProxy.

    python benchmarks/long_canary.py

A look is a read of the router, one of its counters, and a write of split and state with what was seen. Seven days of
looks every 15 seconds are 40,320. Printed are the median milliseconds of 50 looks, the ratio, and the sizes on disk.
"""

import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.contracts.haproxy_process import Proxy, running_haproxy  # noqa: E402
from tests.contracts.test_router_contract import STATE, seen  # noqa: E402

MINUTE, WEEK = 4, 7 * 24 * 60 * 4
RUNS = 50


def look(proxy: Proxy, looks: int) -> float:
    """Take one look, and return its milliseconds."""
    router, source = proxy.router(), proxy.source()
    begun = time.perf_counter()
    view = router.read()
    source.read()
    split = replace(view.split, threshold=500, lease=int(view.now) + 60, seq=view.split.seq + 1)
    router.set_split(split, replace(STATE, looks=looks), expect_seq=view.split.seq, seen=(seen(looks),))
    return (time.perf_counter() - begun) * 1000


def fill(proxy: Proxy, start: int, end: int) -> None:
    """Record the looks in between at once."""
    router = proxy.router()
    split = router.read().split
    many = tuple(seen(number) for number in range(start, end + 1))
    router.set_split(replace(split, seq=split.seq + 1), replace(STATE, looks=end), expect_seq=split.seq, seen=many)


def measured(proxy: Proxy, after: int) -> float:
    """Return the median of some looks from there on."""
    return statistics.median(look(proxy, after + number) for number in range(1, RUNS + 1))


def main() -> None:
    """Measure and print."""
    with running_haproxy() as proxy:
        fill(proxy, 1, MINUTE)
        early = measured(proxy, MINUTE)
        fill(proxy, MINUTE + RUNS + 1, WEEK)
        late = measured(proxy, WEEK)
        state = (proxy.folder / "split.map.state.json").stat().st_size
        looks = sum(path.stat().st_size for path in proxy.folder.glob("*.jsonl"))
    print(f"after a minute   {early:7.2f} ms")
    print(f"after seven days {late:7.2f} ms   {late / early:.2f} x")
    print(f"state {state:,} bytes, looks {looks:,} bytes")


if __name__ == "__main__":
    main()
