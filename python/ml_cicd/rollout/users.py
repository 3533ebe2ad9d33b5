"""Groups of users as a metric source counts them, and what a rollout takes from them.

A source that knows its users (`CountsUsers`) puts each into one of 128 groups, by a hash that has nothing to do with
the one that chooses the arm, and counts for each slot and salt. A rollout has a salt of its own, so its groups begin at
zero by themselves; the other salts are of the time between rollouts (`between_rollouts`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from ml_cicd.rollout.guardrail import Window
from ml_cicd.rollout.share import Window as Served
from ml_cicd.rollout.share import folded
from ml_cicd.rollout.state import Split, between_rollouts
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


def by_users(arms: Sequence[Window], groups: Sequence[Group], split: Split, *, before: int) -> tuple[Window, Window]:
    """Return what candidate and champion did with what is known of their users; as it is where nothing is known."""
    candidate, champion = arms
    if not groups:
        return candidate, champion
    return with_worth(candidate, groups, split, before=before), with_users(champion, groups, split)


def with_worth(candidate: Window, groups: Sequence[Group], split: Split, *, before: int) -> Window:
    """Return what the candidate did, with the users that it and the requests `before` in this rollout are worth."""
    mine = _requests(group for group in groups if (group.slot, group.salt) == (split.idle, split.salt))
    total = max(before + candidate.requests, sum(mine))
    return replace(candidate, worth=round(Served(total=total, groups=tuple(mine)).users, 1))


def with_users(champion: Window, groups: Sequence[Group], split: Split) -> Window:
    """Return what the champion did, with its groups before and during the rollout."""
    served = [group for group in groups if group.slot == split.serving]
    before = [group for group in served if between_rollouts(group.salt)]
    during = [group for group in served if group.salt == split.salt]
    users = {
        event: UserCounts(before=_spread(before, event), during=_spread(during, event)) for event in champion.events
    }
    return replace(champion, users=users)


def _spread(groups: Sequence[Group], event: str) -> Spread:
    """Return the sums; a group that was counted under several salts is one."""
    sums: dict[int, tuple[int, int]] = {}
    for group in groups:
        requests, count = sums.get(group.number, (0, 0))
        sums[group.number] = requests + group.requests, count + group.events.get(event, 0)
    return spread([requests for requests, _ in sums.values()], [count for _, count in sums.values()])


def by_part(groups: Sequence[Group], salt: str) -> tuple[int, ...]:
    """Return the requests of a rollout, of both arms, by fewer groups; nothing where none is a known user's."""
    requests = _requests(group for group in groups if group.salt == salt)
    return folded(requests, PARTS) if any(requests) else ()


def requests_of(groups: Iterable[Group]) -> int:
    """Return the requests of known users."""
    return sum(group.requests for group in groups)


def users_seen(groups: Sequence[Group]) -> float:
    """Return the effective number of users between rollouts; 0 where none has sent a request."""
    requests = _requests(group for group in groups if between_rollouts(group.salt))
    return effective_users(sum(requests), sum(n * n for n in requests), GROUPS)


def users_behind(groups: Sequence[Group]) -> float:
    """Return how many equally active users may have sent the requests between rollouts; 0 where none came.

    N requests of U such users are worth N U / (N + U) of them: few requests are worth few users, whoever sends them,
    and where hardly any user sent two, there may be any number (endless).
    """
    requests, worth = sum(_requests(group for group in groups if between_rollouts(group.salt))), users_seen(groups)
    return requests * worth / (requests - worth) if requests > worth else math.inf if requests else 0.0


def _requests(groups: Iterable[Group]) -> list[int]:
    found = [0] * GROUPS
    for group in groups:
        if group.number < GROUPS:
            found[group.number] += group.requests
    return found
