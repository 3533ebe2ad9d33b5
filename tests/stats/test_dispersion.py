"""How clustered failures are."""

import random

import pytest

from ml_cicd.stats.dispersion import NOTABLE, Dispersion, add_look
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


def test_few_bursts_temper_more() -> None:
    """The fewer failures an estimate stands on, the larger the surcharge; below 1.25 there is none."""
    few = Dispersion(squares=60, expected=18, requests=1)
    many = Dispersion(squares=600, expected=198, requests=1)
    assert few.phi / few.estimate > many.phi / many.estimate > 1.15
    assert Dispersion(squares=NOTABLE * 100, expected=100).phi == 1.0
