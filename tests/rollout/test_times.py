"""Times in buckets: what is in one, what is slower, what a quantile is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.ground.errors import InputError
from ml_cicd.rollout.times import BOUNDS, Slower, Times, arms, both, bucket_of, grown, span, times_of

NUMBERS = st.dictionaries(st.sampled_from(BOUNDS), st.integers(0, 50), max_size=12)


@pytest.mark.parametrize(
    ("took", "bucket"), [(-3, 0), (0, 0), (1, 1), (9, 9), (10, 10), (14, 13), (99, 91), (100, 100), (10**9, 91000)]
)
def test_buckets(took: int, bucket: int) -> None:
    """Each millisecond below ten, about 10 % steps above; a clock that was put back is no time at all."""
    assert bucket_of(took) == bucket


def test_neighbours_are_about_a_tenth_apart() -> None:
    """Bounds rise, have at most two digits that are not 0, and leave no step above 16 % from ten on."""
    assert list(BOUNDS) == sorted(set(BOUNDS))
    steps = [after / before for before, after in pairwise(BOUNDS[10:])]
    assert 1.06 < min(steps) < max(steps) < 1.16
    assert all(len(str(bound).rstrip("0")) <= 2 for bound in BOUNDS)


@given(NUMBERS, NUMBERS, st.integers(0, 10**5), st.integers(0, 10**5))
def test_slower_is_counted_as_one_would(candidate: dict[int, int], champion: dict[int, int], c: int, b: int) -> None:
    """For any two bounds, in buckets or between them: what took as long or longer, of all."""
    counts = Slower(times_of(candidate, champion)).than(c, b)
    assert (counts.nc, counts.nb) == (sum(candidate.values()), sum(champion.values()))
    assert counts.xc == sum(n for bound, n in candidate.items() if bound >= c)
    assert counts.xb == sum(n for bound, n in champion.items() if bound >= b)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_windows_add_up(a: dict[int, int], b: dict[int, int], c: dict[int, int], d: dict[int, int]) -> None:
    """Two windows together have the answers of both, in both arms; and what was added is the difference."""
    sum_ = both(times_of(a, b), times_of(c, d))
    assert sum_.answers == (sum(a.values()) + sum(c.values()), sum(b.values()) + sum(d.values()))
    now = {bound: a.get(bound, 0) + c.get(bound, 0) for bound in {*a, *c}}
    assert grown(a, now) == {bound: n for bound, n in c.items() if n}


def test_nothing_is_made_of_one_arm() -> None:
    """Where one arm was not timed there is nothing to compare."""
    assert times_of(None, {10: 3}) == times_of({10: 3}, None) == Times()


def test_a_number_below_nothing_is_refused() -> None:
    """Neither answers nor times are negative."""
    for buckets in ({10: (-1, 0)}, {-1: (1, 0)}):
        with pytest.raises(InputError):
            Times(buckets=buckets)


def test_quantiles_are_buckets() -> None:
    """From where to where, without an end for the last one, and a word for none at all."""
    times = Times(buckets={2: (0, 90), 390: (60, 10), 470: (39, 0), 91000: (1, 0)})
    slow, fast = arms(times)
    assert (span(slow, 0.5), span(slow, 0.95), span(slow, 1.0)) == ("390-430 ms", "470-510 ms", "91000 ms or more")
    assert (span(fast, 0.5), span(fast, 0.95), span({}, 0.5)) == ("2-3 ms", "390-430 ms", "none")
