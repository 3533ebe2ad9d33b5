"""One contract for every router: the one in memory and a real HAProxy."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ml_cicd.domain.rollout import Counts, Observation, Phase, RolloutState
from ml_cicd.errors import Conflict, MlCicdError
from ml_cicd.ports import TrafficRouter
from tests.adapters.haproxy_process import running_haproxy
from tests.fakes.traffic import FakeClock, FakeRouter

STATE = RolloutState(
    run_id="m-2-1",
    model="m",
    candidate="2",
    candidate_digest="sha256:2",
    champion="1",
    champion_digest="sha256:1",
    standby="",
    standby_digest="",
    phase=Phase.RUNNING,
    step=1,
    started=5.0,
    deadline=60.0,
    reason="",
    plan_digest="sha256:p",
    observations=(Observation(at=1.5, step=0, counts=Counts(nc=3, xc=1, nb=90, xb=0)),),
)


@pytest.fixture(params=["memory", "haproxy"])
def router(request: pytest.FixtureRequest) -> Iterator[TrafficRouter]:
    """Every router in turn, as new."""
    if request.param == "memory":
        yield FakeRouter(clock=FakeClock())
        return
    with running_haproxy() as proxy:
        yield proxy.router()


def test_a_new_router_gives_everything_to_the_champion(router: TrafficRouter) -> None:
    """No rollout yet: seq 0, no state, no share."""
    view = router.read()
    assert (view.split.seq, view.share, view.state) == (0, 0, None)


def test_what_is_written_is_read_back(router: TrafficRouter) -> None:
    """Split and state survive the way through the router, to the last number."""
    view = router.read()
    split = replace(view.split, threshold=500, lease=int(view.now) + 60, salt="abc", seq=1)
    written = router.write(split, STATE, expect_seq=0)
    again = router.read()
    assert written.split == again.split == split
    assert again.state == STATE
    assert again.share == 500


def test_a_write_without_a_state_forgets_the_rollout(router: TrafficRouter) -> None:
    """No state is a state too, before the first rollout as after one."""
    start = router.read().split
    for seq, state in enumerate((None, STATE, None), start=1):
        router.write(replace(start, seq=seq), state, expect_seq=seq - 1)
        assert (router.read().state, router.read().split.seq) == (state, seq)


def test_a_passed_lease_means_no_share(router: TrafficRouter) -> None:
    """A lease in the past leaves nothing to the candidate."""
    view = router.read()
    router.write(replace(view.split, threshold=5000, lease=int(view.now) - 1, seq=1), STATE, expect_seq=0)
    assert router.read().share == 0


@pytest.mark.parametrize(("expect", "seq"), [(1, 2), (0, 0)])
def test_a_writer_that_saw_something_else_is_refused(router: TrafficRouter, expect: int, seq: int) -> None:
    """A wrong expectation, or a seq that does not rise, is a conflict and changes nothing."""
    before = router.read()
    with pytest.raises(Conflict):
        router.write(replace(before.split, threshold=1, seq=seq), STATE, expect_seq=expect)
    assert router.read().split == before.split


def test_of_racing_writers_one_wins(router: TrafficRouter) -> None:
    """Eight writers that all saw seq 0: exactly one of them writes."""
    won: list[int] = []

    def write(number: int) -> None:
        try:
            router.write(replace(router.read().split, threshold=number, seq=1), STATE, expect_seq=0)
            won.append(number)
        except MlCicdError:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(won) == 1
    assert router.read().split.threshold == won[0]


def test_counters_cover_every_slot(router: TrafficRouter) -> None:
    """Both slots are counted from the start, with failures within requests."""
    counters = router.counters()
    assert set(counters) == {"blue", "green"}
    assert all(0 <= c.errors <= c.requests or c.requests == 0 for c in counters.values())


def test_the_routers_clock_moves(router: TrafficRouter) -> None:
    """Leases are judged by the router's clock, in epoch seconds."""
    now = router.read().now
    assert now > 0
    if not isinstance(router, FakeRouter):
        assert abs(now - time.time()) < 5
