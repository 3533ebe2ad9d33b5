"""One contract for every router and its counters: the ones in memory and a real HAProxy."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ml_cicd.ground.errors import Conflict, CorruptState, MlCicdError, OutsideError
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.ports import MetricSource, TrafficRouter
from ml_cicd.rollout.routers.haproxy import HaproxyRouter
from ml_cicd.rollout.state import Counters, Observation, Phase, RolloutState
from ml_cicd.stats.sequential import Counts
from tests.contracts.haproxy_process import running_haproxy, without_table
from tests.fakes.traffic import FakeClock, FakeRouter, FakeSource

STATE = RolloutState(
    run_id="m-2-1",
    model="m",
    candidate=Release(version="2", digest="sha256:2"),
    champion=Release(version="1", digest="sha256:1"),
    standby=NOTHING,
    phase=Phase.RUNNING,
    step=1,
    started_at=5.0,
    deadline_seconds=60.0,
    reason="",
    plan_digest="sha256:p",
    rejected=True,
    counters={"blue": Counters(requests=90, epoch="1:5", events={"errors": 0})},
)


def seen(number: int) -> Observation:
    """One look."""
    counts = Counts(nc=number, xc=number % 2, nb=90, xb=0)
    return Observation(at_seconds=1.5 * number, step=0, readings={"errors": counts})


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
    written = router.set_split(split, STATE, expect_seq=0)
    again = router.read()
    assert written.split == again.split == split
    assert again.state == STATE
    assert again.share == 500


def test_a_write_without_a_state_forgets_the_rollout(router: TrafficRouter) -> None:
    """No state is a state too, before the first rollout as after one."""
    start = router.read().split
    for seq, state in enumerate((None, STATE, None), start=1):
        router.set_split(replace(start, seq=seq), state, expect_seq=seq - 1)
        assert (router.read().state, router.read().split.seq) == (state, seq)


def damage(router: TrafficRouter) -> None:
    """Take away what the router keeps beside its value: nothing can be written there until it is mended."""
    if isinstance(router, FakeRouter):
        router.full, router.unsaved = True, "The disk is full."
        return
    assert isinstance(router, HaproxyRouter)
    state = router.state_path
    state.unlink(missing_ok=True)
    state.mkdir()


def test_an_urgent_write_is_a_write(router: TrafficRouter) -> None:
    """Where all is well it leaves the same as any other, and says that nothing is left to do."""
    before = router.read(urgent=True)
    split = replace(before.split, salt="abc", seq=1)
    written = router.set_split(split, STATE, expect_seq=0, urgent=True)
    assert (written.unsaved, before.unsaved, router.read(urgent=True).unsaved) == ("", "", "")
    assert (router.read().split, router.read().state) == (split, STATE)


def test_an_urgent_write_needs_nothing_but_the_router(router: TrafficRouter) -> None:
    """Without its files a share cannot be given, but be taken back: the answer says what is not kept."""
    start = router.read()
    given = replace(start.split, threshold=500, lease=int(start.now) + 60, salt="abc", seq=1)
    router.set_split(given, STATE, expect_seq=0)
    damage(router)
    more = replace(given, threshold=900, seq=2)
    with pytest.raises(OutsideError):
        router.set_split(more, STATE, expect_seq=1)
    assert router.read(urgent=True).split == given
    written = router.set_split(given.calm(), STATE, expect_seq=1, urgent=True)
    assert written.unsaved
    found = router.read(urgent=True)
    assert (found.split, found.share, bool(found.unsaved)) == (given.calm(), 0, True)
    with pytest.raises(OutsideError):
        router.read()


def test_an_urgent_write_minds_the_fencing_number(router: TrafficRouter) -> None:
    """Urgent or not, of two writers that saw the same one is refused."""
    split = replace(router.read().split, seq=1)
    router.set_split(split, STATE, expect_seq=0, urgent=True)
    with pytest.raises(Conflict):
        router.set_split(split, STATE, expect_seq=0, urgent=True)


def test_a_passed_lease_means_no_share(router: TrafficRouter) -> None:
    """A lease in the past leaves nothing to the candidate."""
    view = router.read()
    router.set_split(replace(view.split, threshold=5000, lease=int(view.now) - 1, seq=1), STATE, expect_seq=0)
    assert router.read().share == 0


@pytest.mark.parametrize(("expect", "seq"), [(1, 2), (0, 0)])
def test_a_writer_that_saw_something_else_is_refused(router: TrafficRouter, expect: int, seq: int) -> None:
    """A wrong expectation, or a seq that does not rise, is a conflict and changes nothing."""
    before = router.read()
    with pytest.raises(Conflict):
        router.set_split(replace(before.split, threshold=1, seq=seq), STATE, expect_seq=expect)
    assert router.read().split == before.split


def test_of_racing_writers_one_wins(router: TrafficRouter) -> None:
    """Eight writers that all saw seq 0: exactly one of them writes."""
    won: list[int] = []

    def write(number: int) -> None:
        try:
            router.set_split(replace(router.read().split, threshold=number, seq=1), STATE, expect_seq=0)
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


@pytest.fixture(params=["memory", "haproxy"])
def source(request: pytest.FixtureRequest) -> Iterator[MetricSource]:
    """Every metric source in turn, as new."""
    if request.param == "memory":
        yield FakeSource()
        return
    with running_haproxy() as proxy:
        yield proxy.source()


def test_counters_cover_every_slot(source: MetricSource) -> None:
    """Both slots are counted from the start, with failures within requests."""
    counters = source.read()
    assert set(counters) == {"blue", "green"}
    assert all(0 <= c.events["errors"] <= c.requests or c.requests == 0 for c in counters.values())


def test_haproxy_tells_how_long_answers_took() -> None:
    """By the template: each answer of a slot is in the bucket of its time, and a new process starts from nothing."""
    with running_haproxy() as proxy:
        assert all(c.times == {} for c in proxy.source().read().values())
        proxy.slots["blue"].pause = 0.12
        proxy.served_by(3)
        proxy.slots["blue"].pause = 0.0
        proxy.served_by(5)
        times = proxy.source().read()["blue"].times
        assert times is not None
        assert sum(times.values()) == 8
        assert sum(n for bound, n in times.items() if bound >= 120) >= 3
        assert proxy.source().read()["green"].times == {}


def test_an_older_configuration_tells_no_times() -> None:
    """Without the template's table all else is counted as ever."""
    with running_haproxy(change=lambda text: without_table(text, "times")) as proxy:
        proxy.served_by(3)
        counters = proxy.source().read()["blue"]
        assert (counters.requests, counters.times) == (3, None)


def test_observations_are_added_one_by_one(router: TrafficRouter) -> None:
    """Each write brings what was seen since the last one; all of them come back in order, for this rollout alone."""
    split, state = router.read().split, STATE
    for number in range(1, 4):
        state = replace(STATE, looks=number)
        split = replace(split, seq=split.seq + 1)
        router.set_split(split, state, expect_seq=split.seq - 1, seen=(seen(number),))
    assert router.observations(state) == (seen(1), seen(2), seen(3))
    assert router.observations(replace(state, looks=2)) == (seen(1), seen(2))
    other = replace(STATE, run_id="m-3-9")
    split = replace(split, seq=split.seq + 1)
    router.set_split(split, other, expect_seq=split.seq - 1)
    assert router.observations(other) == ()


def test_observations_that_are_missing_are_noticed(router: TrafficRouter) -> None:
    """A state that counts more looks than there are is not believed."""
    split = replace(router.read().split, seq=1)
    router.set_split(split, replace(STATE, looks=1), expect_seq=0, seen=(seen(1),))
    with pytest.raises(CorruptState):
        router.observations(replace(STATE, looks=2))


def test_the_routers_clock_moves(router: TrafficRouter) -> None:
    """Leases are judged by the router's clock, in epoch seconds."""
    now = router.read().now
    assert now > 0
    if not isinstance(router, FakeRouter):
        assert abs(now - time.time()) < 5


def test_a_slot_that_is_held_is_nobody_else_s(router: TrafficRouter) -> None:
    """Nobody else fills it, and no write lets it serve, urgent or not, until it is let go."""
    split = router.read().split
    swap = split.swapped()
    with router.hold(split.idle):
        with pytest.raises(Conflict), router.hold(split.idle):
            pass
        for urgent in (False, True):
            with pytest.raises(Conflict):
                router.set_split(swap, STATE, expect_seq=0, urgent=urgent)
        with router.hold(split.serving):
            router.set_split(replace(split, seq=1), STATE, expect_seq=0)
    with router.hold(split.idle):
        assert router.read().split.serving == split.serving
    router.set_split(replace(swap, seq=2), STATE, expect_seq=1)
    assert router.read().split.serving == split.idle
