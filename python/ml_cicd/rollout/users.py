"""Groups of users as a metric source counts them, and what a rollout takes from them.

A source that knows its users (`CountsUsers`) puts each into one of 128 groups, by a hash that has nothing to do with
the one that chooses the arm, and counts for each slot and salt. A rollout has a salt of its own, so its groups begin at
zero by themselves, and those of the salt `NO_SALT` are of the time between rollouts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from ml_cicd.rollout.guardrail import Window
from ml_cicd.rollout.share import folded
from ml_cicd.rollout.state import NO_SALT, Split
from ml_cicd.stats.users import GROUPS, Spread, UserCounts, effective_users, spread

PARTS = 32  # a look records so many numbers: enough to tell the users of one window from those of another


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Requests of one group of users to one slot under one salt, and by name what happened to some of them."""

    slot: str
    salt: str
    number: int
    requests: int
    events: Mapping[str, int] = field(default_factory=dict)


@runtime_checkable
class CountsUsers(Protocol):
    """A metric source that tells groups of users."""

    def groups(self) -> tuple[Group, ...]:
        """Return all groups; none where no request was a known user's. Raises `OutsideError`."""


def groups_of(source: object) -> tuple[Group, ...]:
    """Return a source's groups; none where it knows no users."""
    return source.groups() if isinstance(source, CountsUsers) else ()


def with_users(champion: Window, groups: Sequence[Group], split: Split) -> Window:
    """Return what the champion did, with its groups before and during the rollout."""
    before = [group for group in groups if (group.slot, group.salt) == (split.serving, NO_SALT)]
    during = [group for group in groups if (group.slot, group.salt) == (split.serving, split.salt)]
    users = {
        event: UserCounts(before=_spread(before, event), during=_spread(during, event)) for event in champion.events
    }
    return replace(champion, users=users)


def _spread(groups: Sequence[Group], event: str) -> Spread:
    return spread([group.requests for group in groups], [group.events.get(event, 0) for group in groups])


def by_part(groups: Sequence[Group], salt: str) -> tuple[int, ...]:
    """Return the requests of a rollout, of both arms, by fewer groups; nothing where none is a known user's."""
    requests = _requests(groups, salt)
    return folded(requests, PARTS) if any(requests) else ()


def users_seen(groups: Sequence[Group]) -> float:
    """Return the effective number of users between rollouts; 0 where none has sent a request."""
    requests = _requests(groups, NO_SALT)
    return effective_users(sum(requests), sum(n * n for n in requests), GROUPS)


def _requests(groups: Sequence[Group], salt: str) -> list[int]:
    found = [0] * GROUPS
    for group in groups:
        if group.salt == salt and group.number < GROUPS:
            found[group.number] += group.requests
    return found
