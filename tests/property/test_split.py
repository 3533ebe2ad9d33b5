"""Laws of a split: its verbs, and its way through HAProxy's map value."""

import string

from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.rollout.routers.haproxy_value import decode, encode
from ml_cicd.rollout.state import NO_SALT, WHOLE, Split

LETTERS = string.ascii_letters
SLOTS = st.text(LETTERS, min_size=1, max_size=1).flatmap(
    lambda first: st.text(LETTERS + string.digits + "_-", max_size=31).map(lambda rest: first + rest)
)
SPLITS = st.builds(
    lambda slots, threshold, lease, salt, seq: Split(
        serving=slots[0], idle=slots[1], threshold=threshold, lease=lease, salt=salt, seq=seq
    ),
    st.lists(SLOTS, min_size=2, max_size=2, unique=True),
    st.integers(0, WHOLE),
    st.integers(0, 2**40),
    st.text(LETTERS + string.digits, min_size=1, max_size=32),
    st.integers(0, 2**60),
)


@given(SPLITS)
def test_a_map_value_is_read_as_it_was_written(split: Split) -> None:
    """decode(encode(x)) = x, for every split."""
    assert decode(encode(split)) == split


@given(SPLITS, st.integers(0, WHOLE), st.integers(0, 2**40))
def test_every_verb_writes_the_next_number(split: Split, threshold: int, until: int) -> None:
    """A writer that reads a higher number stops, so no verb may keep or skip one."""
    after = (split.calm(), split.swapped(), split.shared(threshold, until=until, salt="abc"))
    assert {one.seq for one in after} == {split.seq + 1}


@given(SPLITS)
def test_a_calm_split_leaves_nothing_to_the_idle_slot(split: Split) -> None:
    """No share, no lease, no salt but the version that somebody went back to, and the same slots."""
    calm = split.calm()
    assert (calm.threshold, calm.lease) == (0, 0)
    assert calm.salt == NO_SALT or (calm.salt == split.salt and calm.went_to(calm.salt.removeprefix("to")))
    assert (calm.serving, calm.idle) == (split.serving, split.idle)


@given(SPLITS)
def test_to_swap_twice_is_to_stay(split: Split) -> None:
    """Promotion and rollback are opposite writes."""
    back = split.swapped().swapped()
    assert (back.serving, back.idle) == (split.serving, split.idle)
    assert split.swapped().threshold == 0


@given(SPLITS, st.integers(1, 10**9).map(str), st.integers(1, WHOLE))
def test_whoever_went_back_to_a_version_is_known_until_a_share_is_given(
    split: Split, version: str, threshold: int
) -> None:
    """It outlives calm writes and the map's text; a candidate's share and a promotion end it."""
    back = split.swapped(back_to=version)
    assert back.went_to(version)
    assert decode(encode(back.calm())).went_to(version)
    assert not back.went_to(f"{version}0")
    assert not back.shared(threshold, until=1, salt="abc").calm().went_to(version)
    assert not back.swapped().went_to(version)
    assert not split.swapped(back_to="x" * 99).went_to("x" * 99)
