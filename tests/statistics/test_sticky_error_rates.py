"""Seeded simulations of sticky users, with the traffic and the fold of `benchmarks/canary_error_rates.py`."""

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.streams import Traffic
from tests.statistics.draw import limit
from tests.statistics.rollouts import TRAFFIC, endings

RUNS = 40
STICKY = replace(TRAFFIC, stream="sticky", users=100, looks=600, history=10_000)
UNLIKE = replace(STICKY, users=1000, failures="heterogeneous", looks=400)


def ended(traffic: Traffic, *, runs: int = RUNS, margin: float = 0.01, hold: bool = False) -> Counter[str]:
    """Return how often rollouts ended how, by seed."""
    steps = (1000,) if hold else (100, 500, 2500, 5000)
    return endings(traffic, runs=runs, steps=steps, margin=margin, hold=hold)


@pytest.mark.parametrize("activity", ["equal", "zipf", "sessions"])
@pytest.mark.parametrize("users", [50, 1000])
def test_equal_candidates_of_few_users_are_promoted(users: int, activity: str) -> None:
    """However few and however unequal: in nearly all rollouts, and a mismatch is hardly ever said."""
    found = ended(replace(STICKY, users=users, activity=activity))
    assert found["promote"] >= RUNS * 0.85
    assert found["mismatch"] <= 1


def test_blind_sources_do_not_promote_them() -> None:
    """The same traffic, told as requests alone, ends as a mismatch in most rollouts: that is what groups are for."""
    assert ended(replace(STICKY, blind=True, looks=200), runs=20)["mismatch"] >= 10


def test_users_who_fail_more_than_others_do_not_roll_back() -> None:
    """5 % of a thousand users fail at 20 %: looked at 400 times, an equal candidate is rolled back in at most 5 %."""
    found = ended(UNLIKE, hold=True)
    assert found["rollback"] / RUNS <= limit(0.05, RUNS)


def test_the_same_users_roll_back_where_nobody_tells_them() -> None:
    """Without groups the same candidate is rolled back far too often, so the test above can fail."""
    found = ended(replace(UNLIKE, blind=True), hold=True)
    assert found["rollback"] / RUNS > limit(0.05, RUNS)


def test_candidates_at_the_margin_are_rarely_promoted() -> None:
    """A hundred sticky users do not get one promoted that is worse by the whole margin."""
    found = ended(replace(STICKY, worse=0.01), runs=RUNS)
    assert found["promote"] / RUNS <= limit(0.05, RUNS)


@pytest.mark.parametrize("times", [0.0, 2.0], ids=["to nothing", "doubled"])
def test_a_share_that_changes_is_found(times: float) -> None:
    """A thousand users, at 10 %, and after 30 looks the share is another one."""
    found = ended(replace(STICKY, users=1000, looks=120, fault=(30, times)), runs=20, hold=True)
    assert found["mismatch"] + found["rollback"] >= 19
