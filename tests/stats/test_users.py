"""What few users' requests are worth, from groups of them."""

import random

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.stats.users import GROUPS, Spread, UserCounts, distance, effective_users, later, spread, user_excess

NOBODY = spread([0] * GROUPS, [0] * GROUPS)


def grouped(rng: random.Random, requests: list[int], rates: list[float]) -> Spread:
    """Return the sums of users who send so many requests each, and fail at such rates."""
    n, x = [0] * GROUPS, [0] * GROUPS
    for sent, rate in zip(requests, rates, strict=True):
        group = rng.randrange(GROUPS)
        n[group] += sent
        x[group] += sum(rng.random() < rate for _ in range(sent))
    return spread(n, x)


def test_the_sums_are_those_of_the_groups() -> None:
    """Two groups, counted by hand; a failure that shows before its request is not counted yet."""
    assert spread([3, 1], [2, 2]) == Spread(requests=4, squares=10, failures=3, products=7, failure_squares=5)


@pytest.mark.parametrize(
    ("requests", "users"),
    [([1] * 100, 100), ([7] * 50, 50), ([100, 100], 2), ([90, 10], 10_000 / 8200), ([], 0)],
    ids=["each once", "equal", "two", "unequal", "nobody"],
)
def test_users_alone_in_their_groups_are_counted_exactly(requests: list[int], users: float) -> None:
    """N^2 / sum n_u^2, when there are so many groups that no two users share one."""
    squares = sum(n * n for n in requests)
    assert effective_users(sum(requests), squares, 10**9) == pytest.approx(users, rel=1e-6)


def test_the_number_of_users_is_right_on_average() -> None:
    """128 groups tell 20, 500 and 20,000 equal users, and requests of a user each, within a few percent on average."""
    rng = random.Random(1)
    for count, sent in ((20, 30), (500, 10), (20_000, 1)):
        found = [grouped(rng, [sent] * count, [0.0] * count) for _ in range(30 if count < 1000 else 8)]
        squares = sum((GROUPS * s.squares - s.requests**2) / (GROUPS - 1) for s in found) / len(found)
        assert (count * sent) ** 2 / squares == pytest.approx(count, rel=0.15)


def test_the_dispersion_is_that_of_the_users() -> None:
    """1 + (m - 1) r for m requests of each user, of whom 5 % fail at 20 % and nobody else does."""
    rng = random.Random(2)
    count, sent = 1000, 20
    found = []
    for _ in range(20):
        rates = [0.2 if rng.random() < 0.05 else 0.0 for _ in range(count)]
        found.append(grouped(rng, [sent] * count, rates).estimate)
    correlation = (0.05 * 0.04 - 0.01**2) / (0.01 * 0.99)
    assert sum(found) / len(found) == pytest.approx(1 + (sent - 1) * correlation, rel=0.1)


@pytest.mark.parametrize("unequal", [False, True])
def test_users_who_fail_alike_lose_next_to_nothing(unequal: bool) -> None:
    """However unequally active they are, what is added stays 0 in nearly all cases."""
    rng = random.Random(3)
    added = []
    for _ in range(100):
        requests = [2000 // (user + 1) if unequal else 40 for user in range(200)]
        added.append(grouped(rng, requests, [0.02] * 200).excess(1.0))
    assert sum(found > 0 for found in added) <= 10


def test_the_past_is_scaled_to_the_requests_of_now() -> None:
    """Twice the requests of each user, twice the excess; the larger of past and present counts, and nothing is 0."""
    rng = random.Random(4)
    rates = [0.3 if user % 20 == 0 else 0.0 for user in range(200)]
    past = grouped(rng, [50] * 200, rates)
    assert past.excess(2.0) == pytest.approx(2 * past.excess(1.0))
    assert user_excess(UserCounts(before=past, during=NOBODY), 20_000) == pytest.approx(past.excess(2.0))
    assert user_excess(UserCounts(before=NOBODY, during=past), 20_000) == past.excess(1.0) > 1
    assert user_excess(UserCounts(before=NOBODY, during=NOBODY), 20_000) == 0.0
    assert 2 * past.error < past.estimate - 1
    unsure = grouped(random.Random(7), [50] * 20, [0.05] * 19 + [0.17])
    assert 2 * unsure.error < unsure.estimate - 1 < 3 * unsure.error
    assert user_excess(UserCounts(before=unsure, during=NOBODY), 5000) == 0.0 < unsure.excess(5.0)
    assert user_excess(None, 20_000) == 0.0
    assert NOBODY.users == 0.0


def test_a_restart_makes_a_past_of_what_was_known() -> None:
    """Sums that fell began anew: the fullest ones before them stay, and nothing is forgotten at the next look."""
    rng = random.Random(5)
    few, some, many = (grouped(rng, [sent] * 50, [0.1] * 50) for sent in (1, 5, 9))
    known = later(None, UserCounts(before=some, during=few))
    known = later(known, UserCounts(before=some, during=many))
    assert known == UserCounts(before=some, during=many)
    for now in (few, some):
        known = later(known, UserCounts(before=NOBODY, during=now))
        assert known == UserCounts(before=many, during=now)


@pytest.mark.parametrize("wrong", [(1, 0, 0, 0, 0), (2, 5, 0, 0, 0), (2, 2, 3, 3, 3), (2, 2, 1, 0, 1), (2, 2, 1, 1, 0)])
def test_sums_that_no_groups_have_are_refused(wrong: tuple[int, int, int, int, int]) -> None:
    """A record that somebody edited is not evidence."""
    n, squares, x, products, failure_squares = wrong
    with pytest.raises(InputError):
        Spread(requests=n, squares=squares, failures=x, products=products, failure_squares=failure_squares)


def test_the_same_users_are_near_and_others_far() -> None:
    """Two windows of the same traffic are as far apart as chance puts them; of one user and then another, by all."""
    assert distance([10, 10, 10, 10], 40, [20, 20, 20, 20], 80) == pytest.approx(1 / 40 + 1 / 80)
    assert distance([1000, 0, 0, 0], 1000, [0, 1000, 0, 0], 1000) == pytest.approx(2 * 4 / 3)
