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
    """No share, no lease, no salt, and the same slots."""
    calm = split.calm()
    assert (calm.threshold, calm.lease, calm.salt) == (0, 0, NO_SALT)
    assert (calm.serving, calm.idle) == (split.serving, split.idle)


@given(SPLITS)
def test_to_swap_twice_is_to_stay(split: Split) -> None:
    """Promotion and rollback are opposite writes."""
    back = split.swapped().swapped()
    assert (back.serving, back.idle) == (split.serving, split.idle)
    assert split.swapped().threshold == 0
