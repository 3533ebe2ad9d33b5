"""What must be true in every history: five laws, each checked where it could be broken.

They know the product's words (a split, a state, an entry) and none of its code: evidence is counted here by hand, and
held to what the router really served.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ml_cicd.registry.ledger import LedgerEntry, LedgerOp
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.state import LAPSED, Observation, Phase, RolloutState
from ml_cicd.stats.sequential import Counts
from tests.simulation.cheap import FAILURES, LEASE, LOOKS, NEEDED, STEPS, STRANGER
from tests.simulation.model import Model, Write
from tests.simulation.schedule import Act, Process, Schedule

CLAIM = 420
TICK_LEASE = 1800
# What a later entry about the same version may say as well: it was promoted meanwhile, and perhaps left again.
SAYS = {
    LedgerOp.REJECT: {LedgerOp.REJECT, LedgerOp.ROLLBACK, LedgerOp.PROMOTE, LedgerOp.ENDED},
    LedgerOp.ENDED: set(LedgerOp),
}


class Law(StrEnum):
    """The five laws, a sentence each."""

    PLACE = "Traffic goes to a slot that holds, whole, what may be served there: never to one that is being filled."
    PROOF = "More traffic needs recorded evidence that is true and suffices, and after proof of harm there is none."
    HAND = "One hand moves traffic: a run that somebody else wrote after moves it no more, and none ousts a live one."
    RECORD = "The record says what happened: before a promotion, after a way back, once, and nothing of it is lost."
    END = "Every command ends in a known way, what it leaves ends with its lease, and one command restores all."


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A law that did not hold."""

    law: Law
    what: str


@dataclass
class Invariants:
    """doors.Watcher. Keeps the first law that breaks."""

    model: Model
    schedule: Schedule
    processes: dict[str, Process]
    broken: Broken | None = None
    released: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    due: dict[str, LedgerOp] = field(default_factory=dict)
    void: int = -1
    looks: dict[str, int] = field(default_factory=dict)
    fills_at: dict[str, tuple[str, int]] = field(default_factory=dict)
    overtaken: bool = False

    def __post_init__(self) -> None:
        """Take over what the record says at the beginning."""
        for entry in self.model.entries:
            self._known(entry)

    def _known(self, entry: LedgerEntry) -> None:
        if entry.op is LedgerOp.PROMOTE:
            self.released.add(entry.champion)
            self.rejected.discard(entry.champion)
        if entry.op is LedgerOp.REJECT:
            self.rejected.add(entry.candidate)

    def breaks(self, law: Law, what: str) -> None:
        """Keep it, if it is the first."""
        if self.broken is None:
            self.broken = Broken(law=law, what=what)

    def check(self, law: Law, holds: object, what: str) -> None:
        """Keep it, unless it holds."""
        if not holds:
            self.breaks(law, what)

    @property
    def put_back(self) -> bool:
        """Whether the clock was."""
        return any(act is Act.BACK for _, act, _, _ in self.schedule.fired)

    # Told by the doors

    def looked(self, by: str) -> None:
        """A process has read the router: from now on others' writes concern it."""
        process = self.processes[by]
        process.begun, process.knows = True, self.model.memory.seq
        self.looks[by] = self.schedule.calls

    def wrote(self, by: str, write: Write) -> None:
        """Memory has another value."""
        process = self.processes[by]
        process.knows = write.split.seq
        if self.model.held.get(write.split.idle, by) != by:
            self.void = write.split.seq  # a claim on a slot that somebody holds is none: its own hook will not begin
        # Known limit: nobody can tell that a slot was filled, whole, between another run's question and its swap to it.
        # That run says so afterwards (not verified); what must be true after a recovery is checked all the same.
        who, when = self.fills_at.get(write.split.serving, (by, 0))
        swaps = write.split.serving != write.before.serving
        self.overtaken = self.overtaken or (swaps and who != by and when > self.looks.get(by, 0))
        self._place(process, write)
        self._proof(process, write)
        self._hand(process, write)
        self._lease(process, write)
        for other in self.schedule.running:
            if other is not None and other.name != by and other.begun:
                other.lost = True

    def kept(self, state: RolloutState | None) -> None:
        """The files have a state: note what the ledger must hear of the end of its rollout."""
        if state is None or state.open or not (state.rejected or state.undecided):
            return
        version = state.candidate.version
        if state.rejected:
            self.rejected.add(version)
        self.due[version] = LedgerOp.REJECT if state.rejected else LedgerOp.ENDED

    def _place(self, process: Process, write: Write) -> None:
        model, split, state = self.model, write.split, write.state
        if split.serving != write.before.serving and "force" not in process.kind and not self.overtaken:
            held = model.holds.get(split.serving)
            filled = self._filler(split.serving, process)
            self.check(Law.PLACE, not filled, f"{split.serving} serves while it is filled")
            self.check(Law.PLACE, held and held.version in self.released, f"{split.serving} serves {held}")
        if model.share() and state is not None:
            held = model.holds.get(split.idle)
            filled = self._filler(split.idle, process)
            self.check(Law.PLACE, not filled, f"{split.idle} has a share while it is filled")
            excused = process.faults and held in {STRANGER, None}  # it did not answer when it was asked
            self.check(Law.PLACE, excused or held == state.candidate, f"{split.idle} has a share and holds {held}")

    def _proof(self, process: Process, write: Write) -> None:
        split, state, seen = write.split, write.state, write.looks
        if state is None:
            return
        self._true(state, seen)
        if split.serving != write.before.serving and state.phase is Phase.PROMOTED:
            self._promotes(process, write)
        if not split.threshold:
            return
        version = state.candidate.version
        # Two rollouts of one version that begin in the same second, by a clock that was put back, share their looks.
        self.check(Law.PROOF, self.put_back or not harm(seen), f"{process.name} gives {version} a share after harm")
        reached = 0
        while reached < len(STEPS) - 1 and proven(seen, reached):
            reached += 1
        self.check(Law.PROOF, split.threshold <= STEPS[reached], f"{process.name} gives {split.percent} too early")
        named = process.kind.endswith(version)
        unknown = not named and version in self.rejected and split.threshold > write.before.threshold
        self.check(Law.PROOF, not unknown, f"{version} was turned down, and {process.kind} tries it again")

    def _promotes(self, process: Process, write: Write) -> None:
        """Hold a promotion against the record, and one that is not a late one against its evidence."""
        state, before = write.state, write.state_before
        version = state.candidate.version if state is not None else ""
        recorded = bool(self.model.entries) and self.model.entries[-1].champion == version
        self.check(Law.RECORD, recorded, f"{process.name} promotes {version}, which is not on record")
        if before is not None and before.phase is Phase.RUNNING:
            good = proven(write.looks, len(STEPS) - 1) and not harm(write.looks)
            self.check(Law.PROOF, good, f"{process.name} promotes {version} unproven")

    def _true(self, state: RolloutState, seen: tuple[Observation, ...]) -> None:
        """Hold what is recorded of each step against what was served at its share. A clock that is put back may end a
        lease for a while, and nobody writes that down: the champion then serves more than it is said to.
        """
        for step, share in enumerate(STEPS):
            here = [counted(look) for look in seen if look.step == step]
            candidate, champion = sum(c.nc for c in here), sum(c.nb for c in here)
            n, m = self.model.served.get((state.run_id, share), (0, 0))
            self.check(
                Law.PROOF,
                candidate <= n and (champion <= m or self.put_back),
                f"step {step} of {state.run_id} has recorded {candidate} and {champion} requests of {n} and {m}",
            )

    def _hand(self, process: Process, write: Write) -> None:
        if process.kind.startswith(("rollback", "force")):
            return
        moved = (write.before.serving, write.share_before) != (write.split.serving, self.model.share())
        self.check(Law.HAND, not (process.lost and moved), f"{process.name} moves traffic after somebody else did")
        state = write.state_before
        if state is None or not state.open or state.owner == process.name or not process.kind.startswith("canary"):
            return
        owner = self.processes.get(state.owner)
        lives = owner is not None and not owner.ended and owner.kind.startswith("canary")
        longest = (
            CLAIM if state.phase is Phase.DEPLOYING else LEASE
        )  # beyond it, after a clock was put back, it is over
        leased = 0 < write.before.lease - self.model.now <= longest + 1
        self.check(Law.HAND, not (lives and leased), f"{process.name} ousts {state.owner}, which lives")

    def _lease(self, process: Process, write: Write) -> None:
        split, state = write.split, write.state
        if not split.lease:
            return
        claims = state is not None and state.phase is Phase.DEPLOYING
        longest = CLAIM if claims else TICK_LEASE if process.kind.startswith("tick") else LEASE
        over = split.lease - self.model.latest - longest
        self.check(Law.END, over <= 1, f"{process.name} writes a lease that is {over:g} s too long")

    def fills(self, by: str, slot: str, release: Release) -> None:
        """A hook begins to replace what a slot holds."""
        model, process = self.model, self.processes[by]
        other = self._filler(slot, process)
        self.check(Law.PLACE, not other, f"{by} fills {slot}, which {other} fills")
        self.fills_at[slot] = (by, self.schedule.calls)
        state = model.kept.state
        claimed = state is not None and model.view(urgent=True).claimed and state.owner != by
        claimed = claimed and model.memory.seq != self.void
        self.check(Law.PLACE, not claimed, f"{by} fills {slot}, which {state.owner if state else ''} has claimed")
        held = model.holds.get(slot)
        forced = any("force" in known.kind for known in self.processes.values())  # what serves by force may be wrong
        first = len(model.entries) == 1 and model.entries[0].champion == release.version  # two first releases at once
        if slot == model.memory.serving and model.entries and not (forced or first or self.overtaken):
            good = held is not None and held.version in self.released and process.faults < 2
            self.check(Law.PLACE, not good, f"{by} fills {slot} with {release.version}, which serves {held}")
        shared = slot == model.memory.idle and model.share()
        self.check(Law.PLACE, not shared, f"{by} fills {slot} with {release.version}, which has a share")

    def _filler(self, slot: str, me: Process) -> str:
        """Return who else fills a slot at this moment, and is alive; nothing for nobody."""
        filler = self.processes.get(self.model.filling.get(slot, ""))
        return "" if filler is None or filler is me or filler.ended else filler.name

    def appended(self, by: str, entry: LedgerEntry) -> None:
        """The ledger has one more entry."""
        model, moves = self.model, [e for e in self.model.entries if e.op.moves]
        state = model.kept.state
        if entry.op is LedgerOp.PROMOTE:
            twice = bool(moves) and moves[-1].champion == entry.champion
            self.check(Law.RECORD, not twice, f"{entry.champion} is promoted twice in the ledger")
            blind = self.processes[by].lost and self.processes[by].calls[0] != "read"  # it looked a moment before
            self.check(Law.RECORD, not blind, f"{by} records a promotion after somebody else moved the traffic")
            self.check(Law.PROOF, not model.entries or self._served_enough(), f"{entry.champion} is promoted unproven")
        else:
            mine = state is not None and state.owner == by and bool(model.share())
            self.check(Law.RECORD, not mine, f"{by} records {entry.op} while its candidate has traffic")
        if entry.op is LedgerOp.ROLLBACK:
            self._moved(self.processes[by], entry)
        if moves and not entry.op.moves:
            self.check(Law.RECORD, moves[-1].champion == entry.champion, f"{entry.op} changes the champion")
        self._known(entry)

    def _moved(self, process: Process, entry: LedgerEntry) -> None:
        """Hold the record of a move against what serves, as far as a look at the router a moment before can tell."""
        held = self.model.holds.get(self.model.memory.serving)
        excused = process.calls[0] == "read" or "force" in process.kind or held is None or self.overtaken
        true = excused or (held is not None and held.version == entry.champion)
        self.check(Law.RECORD, true, f"{process.name} records that {entry.champion} serves, and that is {held}")

    def _served_enough(self) -> bool:
        """Whether the rollout that runs has really been served what the last step needs."""
        model, last = self.model, len(STEPS) - 1
        looks = model.looks.get(model.run, ())
        served = sum(model.served.get((model.run, share), (0, 0))[0] for share in STEPS)
        return served >= NEEDED[last] and not harm(tuple(looks))

    def named(self, by: str, version: str) -> None:
        """The alias names a version."""
        on_record = {entry.champion for entry in self.model.entries}
        self.check(Law.RECORD, version in on_record, f"{by} points the alias at {version}, which is not on record")

    # At the end

    def agrees(self, when: str) -> None:
        """Check that router, slots, ledger and alias say the same, and that nothing of the record is missing."""
        model, split = self.model, self.model.memory
        held = model.holds.get(split.serving)
        champion = model.entries[-1].champion if model.entries else ""
        if not champion:
            return
        self.check(Law.RECORD, model.aliases.get("champion") == champion, f"{when}: alias and ledger differ")
        self.check(Law.RECORD, held and held.version == champion, f"{when}: {held} serves, the ledger has {champion}")
        self.check(Law.END, not model.share() and not model.doubts(), f"{when}: {model.doubts() or 'a share is left'}")
        state = model.kept.state
        standby = state.idle if state is not None else None
        # What a rollback left is not filled again, whatever became of it since.
        left = state is not None and state.phase is Phase.REVERTED and state.idle.version == state.candidate.version
        there = not standby or left or model.holds.get(split.idle) == standby
        self.check(Law.END, there, f"{when}: {split.idle} holds {model.holds.get(split.idle)}, not {standby}")
        for version, op in self.due.items():
            about = [e.op for e in model.entries if e.candidate == version]
            self.check(Law.RECORD, about and about[-1] in SAYS[op], f"{when}: the ledger has no {op} of {version}")


def counted(look: Observation) -> Counts:
    """Return what a look counted."""
    reading = look.readings["errors"]
    assert isinstance(reading, Counts)
    return reading


def harm(seen: tuple[Observation, ...]) -> bool:
    """Whether these looks prove harm."""
    return sum(counted(look).xc for look in seen) >= FAILURES


def proven(seen: tuple[Observation, ...], step: int) -> bool:
    """Whether these looks prove a step's margin: enough looks at it, enough requests in all, none after a lease."""
    good = [look for look in seen if look.step != LAPSED]
    enough = sum(counted(look).nc for look in good) >= NEEDED[step]
    return enough and sum(look.step == step for look in good) >= LOOKS
