"""Traffic: the router's one value, the arms, and the state that a rollout leaves with the router."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ml_cicd.errors import CorruptState, InputError

WHOLE = 10_000
LAPSED = -1
SLOT_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")
SALT = re.compile(r"^[A-Za-z0-9]{1,32}$")
FIELDS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The whole traffic state. `threshold` is the candidate's share in 1/100 %, `lease` an epoch second of the router's
    clock after which the router gives everything to the champion, `seq` the fencing number.
    """

    champion: str
    candidate: str
    threshold: int
    lease: int
    salt: str
    seq: int

    def __post_init__(self) -> None:
        """Refuse a value that the router would misread."""
        for slot in (self.champion, self.candidate):
            if not SLOT_NAME.match(slot):
                raise InputError(f"{slot!r} is not a slot name.", cure="Use letters, digits, _ and -, at most 32.")
        if self.champion == self.candidate:
            raise InputError(f"Both arms would be slot {self.champion!r}.", cure="Name two different slots.")
        if not (0 <= self.threshold <= WHOLE and self.lease >= 0 and self.seq >= 0 and SALT.match(self.salt)):
            raise InputError(f"{self} is not a split.", cure="This is a bug; please report it.")

    def encode(self) -> str:
        """Return the map value (architecture: the router's one value)."""
        return f"{self.champion}:{self.candidate}:{self.threshold}:{self.lease}:{self.salt}:{self.seq}"

    @property
    def percent(self) -> str:
        """Candidate's share for people, exact."""
        return f"{self.threshold // 100}.{self.threshold % 100:02d}".rstrip("0").rstrip(".") + " %"


def decode_split(text: str) -> Split:
    """Read a map value.

    Raises:
        CorruptState: it is not one that ml-cicd wrote, e.g. edited by hand.
    """
    parts = text.strip().split(":")
    cure = "Restore it, e.g. blue:green:0:0:none:0 with the slot that serves first, and raise its last number."
    if len(parts) != FIELDS or not all(parts[i].isascii() and parts[i].isdigit() for i in (2, 3, 5)):
        raise CorruptState(f"The router's split value {text.strip()[:80]!r} was not written by ml-cicd.", cure=cure)
    try:
        champion, candidate, threshold, lease, salt, seq = parts
        return Split(
            champion=champion,
            candidate=candidate,
            threshold=int(threshold),
            lease=int(lease),
            salt=salt,
            seq=int(seq),
        )
    except InputError as problem:
        raise CorruptState(f"The router's split value {text.strip()!r}: {problem.what}", cure=cure) from problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who a slot says it is, or why it cannot be told (`problem`)."""

    slot: str
    version: str = ""
    digest: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counters:
    """Cumulative counters of one slot. `epoch` changes when they start again from zero."""

    requests: int
    errors: int
    epoch: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What both arms served between two looks: requests and failed requests of candidate (c) and champion (b)."""

    nc: int
    xc: int
    nb: int
    xb: int

    def __post_init__(self) -> None:
        """Refuse counts that do not add up."""
        if not (0 <= self.xc <= self.nc and 0 <= self.xb <= self.nb):
            raise InputError(f"{self} does not add up.", cure="Check the metric source.")


class Phase(StrEnum):
    """Where a rollout stands.

    Deploying is a claim on the idle slot for as long as the lease says: nobody else may route traffic there. Promoted
    and rolled back are a rollout's own ends; held is an end without a decision; reverted is what the `rollback` command
    leaves.
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
    """One recorded look: `at` seconds since the rollout began, the step it belongs to (index), what was counted.

    A look whose lease ended before it is of step `LAPSED`: the champion had all traffic for a while, so it can show
    harm, but proves nothing else.
    """

    at: float
    step: int
    counts: Counts


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutState:
    """What a rollout leaves beside the router, so that any later run can go on, judge again or end it.

    `started` is an epoch second of the router's clock. `counters` are the last ones read by slot; None where the next
    reading must only set them (after a change of the split). `observations` replay to the same decision.
    `champion` served when the rollout began, `standby` is the version that the idle slot holds when no rollout runs
    (empty where there is none). `owner` names the process that wrote it last.
    """

    run_id: str
    model: str
    candidate: str
    candidate_digest: str
    champion: str
    champion_digest: str
    standby: str
    standby_digest: str
    phase: Phase
    step: int
    started: float
    deadline: float
    reason: str
    plan_digest: str
    owner: str = ""
    counters: Mapping[str, Counters] | None = None
    observations: tuple[Observation, ...] = field(default=())

    @property
    def open(self) -> bool:
        """Whether the rollout has not ended."""
        return self.phase in {Phase.DEPLOYING, Phase.RUNNING}


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterView:
    """What the router says now. `now` is its clock in epoch seconds; `state` None where no rollout ever ran."""

    split: Split
    state: RolloutState | None
    now: float

    @property
    def share(self) -> int:
        """Candidate's share in force, in 1/100 %: nothing once the lease has passed."""
        return self.split.threshold if self.split.lease > self.now else 0

    @property
    def claimed(self) -> bool:
        """Whether some run is deploying into the idle slot at this moment."""
        return self.state is not None and self.state.phase is Phase.DEPLOYING and self.split.lease > self.now
