"""Traffic and rollouts as frozen data: the split, the arms' counters, and the state that a rollout leaves behind."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ml_cicd.ground.errors import Defect, InputError
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.times import Buckets, Times
from ml_cicd.stats.sequential import Counts

WHOLE = 10_000
LONGEST_LEASE_SECONDS = 1800.0
LAPSED = -1
Reading = Counts | Times
NO_SALT = "none"
WENT_TO = "to"
SLOT_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")
SALT = re.compile(r"^[A-Za-z0-9]{1,32}$")


def between_rollouts(salt: str) -> bool:
    """Whether a split with this salt belongs to no rollout: a rollout's own is a hexadecimal number."""
    return salt == NO_SALT or salt.startswith(WENT_TO)


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The whole traffic state: the slot that serves, the idle one, and the idle one's share while the lease lasts.

    Attributes:
        threshold: the idle slot's share in 1/100 %.
        lease: epoch second of the router's clock after which the router gives everything to the serving slot.
        salt: what a user's place in the split depends on; another one for each rollout.
        seq: the fencing number: a writer that reads a higher one stops.
    """

    serving: str
    idle: str
    threshold: int = 0
    lease: int = 0
    salt: str = NO_SALT
    seq: int = 0

    def __post_init__(self) -> None:
        """Refuse a value that a router would misread."""
        for slot in (self.serving, self.idle):
            if not SLOT_NAME.match(slot):
                raise InputError(f"{slot!r} is not a slot name.", cure="Use letters, digits, _ and -, at most 32.")
        if self.serving == self.idle:
            raise InputError(f"Both arms would be slot {self.serving!r}.", cure="Name two different slots.")
        if not (0 <= self.threshold <= WHOLE and self.lease >= 0 and self.seq >= 0 and SALT.match(self.salt)):
            raise Defect(f"{self} is not a split.")

    def calm(self, *, back_to: str = "") -> "Split":
        """Return the next value, in which the serving slot has all traffic; `back_to` is what somebody went back to.

        That version's number is then left where a share has its salt. It tells the router that the idle slot holds what
        is never to be sent anybody again, also where the serving one dies; and it is all that tells, once the state is
        lost and both slots are silent, that this has happened already.
        """
        kept = self.salt if self.left and not self.threshold else NO_SALT
        salt = f"{WENT_TO}{back_to}"
        return replace(
            self, threshold=0, lease=0, salt=salt if back_to and SALT.match(salt) else kept, seq=self.seq + 1
        )

    def swapped(self, *, back_to: str = "") -> "Split":
        """Return the next value, in which the idle slot serves, alone; the other one stays warm."""
        other = replace(self, serving=self.idle, idle=self.serving, salt=NO_SALT)
        return other.calm(back_to=back_to)

    @property
    def left(self) -> bool:
        """Whether the idle slot holds what somebody went back from: nobody is sent there, also where no other is."""
        return self.salt.startswith(WENT_TO)

    def went_to(self, version: str) -> bool:
        """Whether the serving slot serves because somebody went back to this version."""
        return bool(version) and self.salt == f"{WENT_TO}{version}"

    def shared(self, threshold: int, *, until: int, salt: str) -> "Split":
        """Return the next value, in which the idle slot has a share until an epoch second."""
        return replace(self, threshold=threshold, lease=until, salt=salt, seq=self.seq + 1)

    @property
    def percent(self) -> str:
        """The idle slot's share for people, exact."""
        return f"{self.threshold // 100}.{self.threshold % 100:02d}".rstrip("0").rstrip(".") + " %"


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who a slot says it is, or why it cannot be told (`problem`)."""

    slot: str
    release: Release = Release()  # noqa: RUF009  # frozen
    problem: str = ""

    def is_release(self, release: Release) -> bool:
        """Whether it says that it is this release; where its digest is not known, the version decides."""
        if self.problem or self.release.version != release.version:
            return False
        return not release.digest or self.release.digest == release.digest

    def says(self) -> str:
        """Say it."""
        return self.problem or f"slot {self.slot} serves version {self.release.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Counters:
    """Cumulative counters of one slot: requests, and by name those of them that something happened to, e.g. `errors`.

    Only requests that have ended are counted. `open` are those under way now, and `times` the answers by the bucket of
    their time (`times.py`), None where the source cannot tell. `epoch` changes when they start again from zero.
    `reachable` is False where the source knows that the slot has no server that can be reached at this moment, and
    `away` are those of its requests that the other slot answered for it; None where no slot answers for another.
    `kinds` are failures by the name of their kind, for people: they decide nothing.
    """

    requests: int
    epoch: str
    events: Mapping[str, int] = field(default_factory=dict)
    open: int | None = None
    reachable: bool = True
    away: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    times: Buckets | None = None


class Phase(StrEnum):
    """Where a rollout stands.

    Deploying is a claim on the idle slot for as long as the lease says: nobody else may route traffic there. Promoted
    and rolled back are a rollout's own ends; held is an end without a decision; reverted is what the `rollback` command
    leaves. Only `machine.py` sets one.
    """

    DEPLOYING = "deploying"
    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    HELD = "held"
    REVERTED = "reverted"


class Decision(StrEnum):
    """What a look at the evidence leads to."""

    ADVANCE = "advance"
    HOLD = "hold"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One recorded look: seconds since the rollout began, the step it belongs to (index), each guardrail's reading, and
    the requests of candidate and champion that ended; None in a look that an earlier version wrote.

    `groups` are the requests of both arms since then by groups of users; nothing where the source does not tell them.

    A look whose lease ended before it is of step `LAPSED`: the champion had all traffic for a while, so it can show
    harm, but proves nothing else. So is one whose champion was down: whoever answers at all is better than that.
    `kinds` are the failures since the look before it, by kind: candidate and champion; one that has come to be of
    another kind is taken off its old one, so that only their sums mean something.
    """

    at_seconds: float
    step: int
    readings: Mapping[str, Reading]
    requests: tuple[int, int] | None = None
    kinds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    groups: tuple[int, ...] = ()

    @property
    def ended(self) -> tuple[int, int]:
        """Requests of candidate and champion that ended; the earlier version's first reading was over these."""
        if self.requests is not None:
            return self.requests
        return next(((c.nc, c.nb) for c in self.readings.values() if isinstance(c, Counts)), (0, 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutState:
    """What a rollout leaves with the router, so that any later run can go on, judge again or end it. It stays small:
    observations lie beside it.

    Attributes:
        candidate: what is rolled out.
        champion: what served when the rollout began.
        standby: what the idle slot holds when no rollout runs; nothing where there is none.
        started_at: epoch second of the router's clock.
        deadline_seconds: longest duration.
        owner: the process that wrote it last.
        actor: who runs that process; empty where nobody wrote it down.
        run_url: where its log is; empty outside a workflow.
        rejected: the candidate has lost its traffic, which the ledger must know.
        undecided: the rollout found out nothing, which the ledger must know too.
        looks: how many observations belong to it; they replay to the same decision.
        counters: the last ones read by slot; None where the next reading must only set them (after a change of share).
    """

    run_id: str
    model: str
    candidate: Release
    champion: Release
    standby: Release
    phase: Phase
    step: int
    started_at: float
    deadline_seconds: float
    reason: str
    plan_digest: str
    owner: str = ""
    actor: str = ""
    run_url: str = ""
    rejected: bool = False
    undecided: bool = False
    looks: int = 0
    counters: Mapping[str, Counters] | None = None

    @property
    def open(self) -> bool:
        """Whether the rollout has not ended."""
        return self.phase in {Phase.DEPLOYING, Phase.RUNNING}

    @property
    def salt(self) -> str:
        """A salt of its own: the users who met the last candidate are not the ones who meet this one first."""
        return hashlib.sha256(self.run_id.encode()).hexdigest()[:8]

    def is_of(self, run: str) -> bool:
        """Whether a process of this workflow run wrote it last; an owner's name begins with its run."""
        return self.owner == run or self.owner.startswith(f"{run}.")

    @property
    def serving(self) -> Release:
        """What serves by this state."""
        return self.candidate if self.phase is Phase.PROMOTED else self.champion

    @property
    def idle(self) -> Release:
        """What the idle slot should hold while no rollout runs."""
        return self.champion if self.phase is Phase.PROMOTED else self.standby


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterView:
    """What the router says now. `now` is its clock in epoch seconds; `state` None where no rollout ever ran.

    `unsaved` says in words how the files beside the router differ from what serves; empty where they agree. Only an
    urgent read or write has it: a reload would undo what serves, and `state` is then a hint, or nothing. `older`: the
    files are not behind it, but ahead: somebody has loaded a value of before.
    """

    split: Split
    state: RolloutState | None
    now: float
    unsaved: str = ""
    older: bool = False

    @property
    def leased(self) -> bool:
        """Whether the lease is in force. One that ends later than any lease can is none: a clock was put back, and a
        dead run's candidate must not keep its share until that clock has caught up.
        """
        return 0 < self.split.lease - self.now <= LONGEST_LEASE_SECONDS + 1  # its end is rounded up to a second

    @property
    def share(self) -> int:
        """The idle slot's share in force, in 1/100 %: nothing once the lease has passed."""
        return self.split.threshold if self.leased else 0

    @property
    def claimed(self) -> bool:
        """Whether some run is deploying into the idle slot at this moment."""
        return self.state is not None and self.state.phase is Phase.DEPLOYING and self.leased
