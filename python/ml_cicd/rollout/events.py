"""What can happen to a rollout. `machine.py` says what each of them leads to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.history import Author, Outcome
from ml_cicd.rollout.state import Counters, Observation, RolloutState


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """Until when (epoch seconds of the router) the idle slot's share holds, and the process that renews it.

    `actor` and `run_url` say to people whose process that is.
    """

    until: int
    owner: str
    actor: str = ""
    run_url: str = ""

    def signed(self, state: RolloutState) -> RolloutState:
        """Return the state as the process that holds this lease writes it."""
        return replace(state, owner=self.owner, actor=self.actor, run_url=self.run_url)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A candidate is to be rolled out over a champion: nobody else may use the idle slot while it is deployed there.

    `step` is the index of the share that it begins with.
    """

    candidate: Release
    champion: Release
    at: float
    deadline_seconds: float
    plan_digest: str
    lease: Lease
    step: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """The idle slot says that it is the candidate. `at` is when the rollout begins."""

    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """A share begins, or begins anew: from here on counters are not compared with earlier ones."""

    step: int
    threshold: int
    lease: Lease


@dataclass(frozen=True, kw_only=True, slots=True)
class Based:
    """The counters that the next look is compared with."""

    counters: Mapping[str, Counters]
    lease: Lease


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """Both arms were looked at; None where there was nothing to compare with.

    `began` is when the rollout began by the clock of this look, which may have been put back since the one before it.
    """

    seen: Observation | None
    counters: Mapping[str, Counters]
    began: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewed:
    """The look left everything as it is."""

    lease: Lease


@dataclass(frozen=True, kw_only=True, slots=True)
class Proven:
    """The candidate is to be promoted; `ledger` is what the record says now."""

    reason: str
    ledger: Ledger
    author: Author
    verdict_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """The candidate is to lose its traffic for good."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The rollout ends without a decision: cancelled or lost."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedOut:
    """The deadline came before the evidence: the candidate is given back, and nothing is said against it."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstReleased:
    """There is no champion: the candidate is to serve at once."""

    candidate: Release
    at: float
    deadline_seconds: float
    plan_digest: str
    ledger: Ledger
    author: Author
    verdict_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A promotion is on record, and its candidate waits in the idle slot: the router did not take it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reverted:
    """A version is to serve again. `swap`: it is in the idle slot; `left` is what the serving slot held.

    `stays`: it is the champion already, and only a rollout is stopped. `answers`: its slot says that it is there.
    `reason` is what somebody gave, if anything.
    """

    to: Release
    swap: bool
    stays: bool
    left: Release
    answers: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewritten:
    """What serves is to serve on, and the files beside the router say something else: both are written again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """Traffic is where it belongs, and the ledger can be read: the record is to follow.

    `keeps`: the slot that serves is down and the idle one answers for it, so that nothing else may be put there.
    """

    ledger: Ledger
    author: Author
    outcome: Outcome
    keeps: bool = False


Event: TypeAlias = (
    Claimed
    | Deployed
    | Shared
    | Based
    | Looked
    | Renewed
    | Proven
    | Refused
    | Ended
    | TimedOut
    | FirstReleased
    | Finished
    | Reverted
    | Rewritten
    | Settled
)
