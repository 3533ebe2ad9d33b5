"""Whether traffic is split as it was written: by the share itself, and by its changes within a step.

Where each request falls to an arm by itself, the share of a step is known to a hair. Where users stay with one arm, the
few users of a step have the share that they happen to have, and may send little or much: then requests count only for
as much as their users do. But the same users have the same share all the time, so a share that changes is a fault,
unless other users came: groups of users tell how much of the traffic is by others (`stats/users.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml_cicd.stats.sequential import sample_ratio_log_e
from ml_cicd.stats.users import distance, effective_users

CHANGED = 5.0  # standard errors; looked at a few times in each doubling of a step's length
ENOUGH = 0.5  # of the first window has to be in the second one


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Requests of the candidate, of both arms, and of both by groups of users (nothing where nobody tells)."""

    candidate: int = 0
    total: int = 0
    groups: tuple[int, ...] = ()

    def follows(self, before: "Window") -> bool:
        """Whether it counts on from another reading: groups that fell started from zero."""
        if len(before.groups) != len(self.groups):
            return not before.groups
        return all(n >= m for n, m in zip(self.groups, before.groups, strict=True))

    def since(self, before: "Window") -> "Window":
        """Return what came after another reading, which it follows."""
        pairs = zip(self.groups, before.groups or (0,) * len(self.groups), strict=True)
        groups = tuple(n - m for n, m in pairs)
        return Window(candidate=self.candidate - before.candidate, total=self.total - before.total, groups=groups)

    @property
    def users(self) -> float:
        """How many equally active users the requests are worth; each request without a user is one."""
        if not self.groups or not self.total:
            return float(self.total)
        known = sum(self.groups)
        of_users = effective_users(known, sum(n * n for n in self.groups), len(self.groups))
        if not of_users:
            return float(self.total)
        alone = max(0, self.total - known)
        return min(self.total, (known + alone) ** 2 / (known**2 / of_users + alone))


@dataclass(frozen=True, kw_only=True, slots=True)
class StepShare:
    """One step: what was served until it began, the middle, and now; `looks` since it began.

    `changed`: at some look the share was another one in the second part of the step than in the first.
    """

    start: Window
    middle: Window
    now: Window
    looks: int = 0
    changed: bool = False

    @property
    def served(self) -> Window:
        """What the whole step served."""
        return self.now.since(self.start)

    def changes(self) -> bool:
        """Whether the share is another one in the second part of the step than in the first."""
        one, other = self.middle.since(self.start), self.now.since(self.middle)
        if not one.groups or not other.groups or not one.total or other.total < ENOUGH * one.total:
            return False
        share = (one.candidate + other.candidate) / (one.total + other.total)
        if share in {0.0, 1.0}:
            return False
        apart = one.candidate / one.total - other.candidate / other.total
        spread = share * (1 - share) * distance(one.groups, one.total, other.groups, other.total)
        return apart * apart >= CHANGED * CHANGED * spread

    def log_e(self, share: float) -> float:
        """Return the log evidence that the share is not what was written."""
        served = self.served
        if not served.total:
            return 0.0
        users = served.users
        return sample_ratio_log_e(served.candidate / served.total * users, users, share)


def begun(before: Window) -> StepShare:
    """Return a step that has served nothing yet."""
    return StepShare(start=before, middle=before, now=before)


def add_look(step: StepShare, now: Window) -> StepShare:
    """Add a look. At each power of two the middle moves there: the second part then grows as long as the first."""
    looks = step.looks + 1
    seen = replace(step, now=now, looks=looks)
    return replace(
        seen, middle=now if looks & (looks - 1) == 0 else step.middle, changed=step.changed or seen.changes()
    )


def folded(requests: Sequence[int], parts: int) -> tuple[int, ...]:
    """Return requests by fewer groups."""
    return tuple(sum(requests[part::parts]) for part in range(parts))
