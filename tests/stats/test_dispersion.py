"""How clustered failures are."""

import random

import pytest

from ml_cicd.stats.dispersion import CAUTION, NOISE, Dispersion, add_look, together
from tests.statistics.draw import binomial


def estimated(mean: float, *, looks: int, drift: float = 0.0) -> float:
    """Return the estimate after looks of 200 requests at 2 % failures, in bursts of geometric size."""
    rng, found = random.Random(7), Dispersion()
    for look in range(looks):
        rate = 0.02 * (1 + drift * look / looks)
        failures = 0
        for _ in range(binomial(rng, 200, rate / mean)):
            failures += 1
            while rng.random() > 1 / mean:
                failures += 1
        found = add_look(found, 200, min(200, failures))
    return found.estimate


@pytest.mark.parametrize(("mean", "true"), [(1.0, 1.0), (2.0, 3.0), (5.0, 9.0)])
def test_the_estimate_is_the_dispersion(mean: float, true: float) -> None:
    """For geometric bursts of mean m it is 2 m - 1 (E[S^2] / E[S]), within a tenth after 3,000 looks."""
    assert estimated(mean, looks=3000) == pytest.approx(true, rel=0.1)


def test_a_drift_is_no_burst() -> None:
    """A rate that grows threefold while one looks leaves independent failures independent."""
    assert estimated(1.0, looks=3000, drift=2.0) < 1.1


def test_nothing_seen_is_no_burst() -> None:
    """Before the first pair of looks, without requests and when all fail, the tests are as they are."""
    assert Dispersion().phi == 1.0
    assert add_look(Dispersion(), 0, 0) == Dispersion()
    assert add_look(add_look(Dispersion(), 5, 5), 5, 5).phi == 1.0


def test_what_chance_explains_tempers_nothing() -> None:
    """The same estimate of 1.5 is chance after three pairs of looks and bursts after three hundred."""
    few, many = (Dispersion(squares=6.0 * k, expected=4.0 * k, noise=NOISE * 16 * k) for k in (3, 300))
    assert few.estimate == many.estimate == 1.5
    assert (few.phi, many.phi) == (1.0, 1.5 * CAUTION)


def test_arms_are_compared_each_with_itself() -> None:
    """That one fails three times as often as the other is no burst of either; a burst of one of them is one of both."""
    often, rarely, burst = Dispersion(), Dispersion(), Dispersion()
    for often_now, burst_now in ((6, 0), (5, 0), (7, 20), (6, 0), (5, 0), (7, 1)):
        often, rarely = add_look(often, 50, often_now), add_look(rarely, 50, 2)
        burst = add_look(burst, 50, burst_now)
    assert together(often, rarely).phi == 1.0
    assert together(often, burst).phi > 2


@pytest.mark.parametrize("first", [1, 14, 29, 30, 47], ids=str)
def test_an_arm_that_dies_is_no_burst(first: int) -> None:
    """Whenever in a look it happens, and while it stays dead, the estimate is the one from before; so it is once it has
    come back, be that in the middle of a look.
    """
    before = Dispersion()
    for failures in (1, 0, 0, 1, 0, 0):
        before = add_look(before, 50, failures)
    found = before
    for failures in (first, 47, 47, 47):
        found = add_look(found, 47, failures)
    assert found.estimate == pytest.approx(before.estimate, abs=0.35)
    assert found.phi == 1.0
    for failures in (20, 0, 0, 1, 0):
        found = add_look(found, 50, failures)
    assert found.phi == 1.0


def test_what_always_fails_often_is_not_out() -> None:
    """Half of its requests fail at every look, in bursts: that is a habit, and its bursts count."""
    found = Dispersion()
    for failures in (100, 180, 120, 60, 170, 90) * 20:
        found = add_look(found, 200, failures)
    assert found.phi > 10


def test_an_outage_that_begins_with_few_requests() -> None:
    """Users wait for their retries, so that hardly any request ends while the check finds out: still no burst."""
    found = Dispersion()
    for requests, failures in ((40, 0), (38, 0), (3, 3), (1, 1), (47, 47), (50, 50)):
        found = add_look(found, requests, failures)
    assert found.out
    assert found.phi == 1.0


def test_a_look_that_may_begin_an_outage_is_a_burst_until_it_lasts() -> None:
    """Of twelve failures in twenty requests the next look tells which they were; until then they temper. The pair
    before them goes too, for the outage may have begun there.
    """
    before = add_look(add_look(Dispersion(), 20, 0), 20, 1)
    found = add_look(add_look(before, 20, 0), 20, 12)
    assert found.phi > 2
    assert add_look(found, 20, 0).phi > 2
    lasts = add_look(found, 20, 15)
    assert (lasts.out, lasts.phi) == (True, 1.0)
    assert (lasts.squares, lasts.expected) == pytest.approx((before.squares, before.expected))
