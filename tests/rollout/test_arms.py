"""What has to be true of a slot before a candidate in it gets its first request."""

import pytest

from ml_cicd.commands import canary
from ml_cicd.ground.errors import Unreachable
from tests.fakes.world import FakeWorld


@pytest.fixture
def world() -> FakeWorld:
    """Version 1 serves, version 2 is registered."""
    world = FakeWorld()
    world.add_version()
    canary.run(canary.Inputs(), world)
    world.add_version()
    return world


def test_a_slot_gets_traffic_once_the_router_reaches_it(world: FakeWorld) -> None:
    """A health check lags behind a slot that has just started: what it turns away is no failure of the candidate."""
    until = world.fake_clock.now() + 20
    world.fake_source.reaches = lambda slot: slot != "green" or world.fake_clock.now() >= until
    assert canary.run(canary.Inputs(mode="tick"), world).outputs["share"] == "5"
    assert world.fake_clock.now() >= until


def test_a_slot_that_the_router_never_reaches_gets_nothing(world: FakeWorld) -> None:
    """The slot answers us, and the router asks at another address: it is said, and no share is given."""
    world.fake_source.reaches = lambda slot: slot != "green"
    with pytest.raises(Unreachable, match="health check does not reach slot green"):
        canary.run(canary.Inputs(mode="tick"), world)
    assert world.fake_router.split.threshold == 0
