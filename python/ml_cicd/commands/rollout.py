"""The canary's loop: look, decide, act, renew the lease."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.apply import apply, route
from ml_cicd.commands.traffic import Stage, afterwards, join, ledger_entry
from ml_cicd.decide.canary import (
    Evidence,
    Look,
    Plan,
    Transition,
    decide,
    difference,
    evidence_words,
    replay,
    take_in,
)
from ml_cicd.domain.model import TAG_GATE_DIGEST, LedgerOp
from ml_cicd.domain.operation import AppendLedger, DeploySlot, Operation, Receipt, SetSplit
from ml_cicd.domain.rollout import LAPSED, Decision, Observation, Phase, RolloutState, RouterView, Split
from ml_cicd.errors import Conflict, CorruptState, IntegrityError, OutsideError, Unreachable

TICK_LEASE = 1800.0
TICK_DEADLINE = 86_400.0  # a step needs three looks, and looks are minutes apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """A rollout as this process, which signs its writes as `owner`, sees it. `lease` in seconds."""

    stage: Stage
    plan: Plan
    split: Split
    state: RolloutState
    evidence: Evidence
    lease: float
    owner: str

    @property
    def again(self) -> str:
        """Command that goes on with it."""
        return f"ml-cicd canary --target {self.stage.target.name} --candidate {self.state.candidate}"


def take_up(rollout: Rollout, view: RouterView) -> Rollout:
    """Go on with a rollout that this process did not begin: a fresh lease, and counters read anew where none are good.

    Where the lease had ended, what came until then is counted first: a candidate that shows harm gets nothing more.

    Raises:
        IntegrityError: meanwhile a slot came to serve something else.
    """
    check_arms(rollout)
    if view.share == 0:
        rollout = _count(rollout, view)
        if rollout.evidence.harm.rejected:
            return rollout
    return rebase(rollout) if rollout.state.counters is None or view.share == 0 else rollout


def write(rollout: Rollout, *, threshold: int, state: RolloutState) -> Rollout:
    """Write share, lease and state at once."""
    router = rollout.stage.router
    expiry = int(router.read().now + rollout.lease) + 1
    split = replace(rollout.split, threshold=threshold, lease=expiry, seq=rollout.split.seq + 1)
    state = replace(state, owner=rollout.owner)
    view = route(router, split, state, expect_seq=rollout.split.seq)
    return replace(rollout, split=view.split, state=state)


def rebase(rollout: Rollout) -> Rollout:
    """Start counting anew under the share now in force: what straddles a change of share is never compared."""
    threshold = rollout.plan.steps[rollout.state.step]
    started = write(rollout, threshold=threshold, state=replace(rollout.state, counters=None))
    state = replace(started.state, counters=dict(rollout.stage.router.counters()))
    return write(started, threshold=threshold, state=state)


def observe_once(rollout: Rollout) -> tuple[Rollout, Transition]:
    """Read both arms' counters, add what they served to the evidence, and decide."""
    view = rollout.stage.router.read()
    if view.split.seq != rollout.split.seq:
        rollout = _adopt(rollout, view)
    check_arms(rollout)
    rollout = _count(rollout, view)
    elapsed = view.now - rollout.state.started
    look = Look(plan=rollout.plan, evidence=rollout.evidence, step=rollout.state.step, elapsed=elapsed)
    rollout.stage.world.progress.say(_line(rollout, elapsed))
    return rollout, decide(look)


def _adopt(rollout: Rollout, view: RouterView) -> Rollout:
    """Take up what an earlier write of this process left, of which it heard nothing.

    Raises:
        Conflict: somebody else wrote it.
    """
    if view.state is None or not view.state.open or view.state.owner != rollout.owner:
        raise Conflict(
            "Another run writes to this router; this one has stopped and changed nothing.",
            cure="Run `ml-cicd status` to see what serves.",
        )
    return replace(rollout, split=view.split, state=view.state, evidence=replay(rollout.plan, view.state.observations))


def _count(rollout: Rollout, view: RouterView) -> Rollout:
    """Add what both arms served since the last look to the evidence; the first reading only sets the counters."""
    state = rollout.state
    slots = (rollout.split.candidate, rollout.split.champion)
    counts, base = difference(state.counters, rollout.stage.router.counters(), slots)
    if counts is None:
        return replace(rollout, state=replace(state, counters=dict(base)))
    seen = Observation(at=view.now - state.started, step=state.step if view.share > 0 else LAPSED, counts=counts)
    state = replace(state, counters=dict(base), observations=(*state.observations, seen))
    return replace(rollout, state=state, evidence=take_in(rollout.plan, rollout.evidence, seen))


def check_arms(rollout: Rollout, *, must_answer: bool = False) -> None:
    """Check that both slots still serve the versions that are compared.

    Raises:
        IntegrityError: a slot says that it serves something else. Unreachable: it says nothing, and `must_answer`.
    """
    state, split = rollout.state, rollout.split
    arms = (
        (split.candidate, state.candidate, state.candidate_digest),
        (split.champion, state.champion, state.champion_digest),
    )
    for slot, version, digest in arms:
        found = rollout.stage.slots.identify(slot)
        if found.problem and must_answer:
            raise Unreachable(f"Slot {slot} should serve version {version}: {found.problem}", cure="Look at its log.")
        if not found.problem and (found.version, found.digest) != (version, digest):
            raise IntegrityError(
                f"Slot {slot} now serves version {found.version} with {found.digest[:19]}, not version {version}.",
                cure="Somebody deployed into it while the canary ran. Find out who, then run the canary again.",
            )


def _line(rollout: Rollout, elapsed: float) -> str:
    served = rollout.evidence.served
    words = evidence_words(rollout.plan, rollout.evidence, rollout.state.step)
    return (
        f"{elapsed:5.0f} s  {rollout.split.percent:>5}  candidate {served.nc:,} requests, {served.xc:,} failed; "
        f"champion {served.nb:,}, {served.xb:,}; {words}"
    )


def go_on(rollout: Rollout, transition: Transition) -> Rollout:
    """Renew the lease, or raise the share by one step."""
    if transition.decision is Decision.ADVANCE:
        step = rollout.state.step + 1
        rollout.stage.world.progress.say(f"Advancing to {rollout.plan.steps[step] / 100:g} %: {transition.reason}.")
        return rebase(replace(rollout, state=replace(rollout.state, step=step)))
    return write(rollout, threshold=rollout.split.threshold, state=rollout.state)


def run_to_end(rollout: Rollout, interval: float) -> tuple[Rollout, Transition]:
    """Look until a decision ends the rollout. Ends by the deadline at the latest: the table decides then.

    When router or metrics fail, traffic is held for as long as the lease allows; then all of it goes back.
    """
    clock = rollout.stage.world.clock
    failing_since: float | None = None
    while True:
        clock.sleep(interval)
        try:
            rollout, transition = observe_once(rollout)
            if transition.decision not in {Decision.HOLD, Decision.ADVANCE}:
                return rollout, transition
            rollout = go_on(rollout, transition)
            failing_since = None
        except (Conflict, CorruptState):
            raise
        except OutsideError as problem:
            failing_since = failing_since if failing_since is not None else clock.now()
            rollout.stage.world.progress.say(f"Holding: {problem}")
            if clock.now() - failing_since >= rollout.lease / 2:
                raise Unreachable(
                    f"Router or metrics failed for {rollout.lease / 2:g} s: {problem.what}", cure=problem.cure
                ) from problem


def release(rollout: Rollout, reason: str) -> bool:
    """Take all traffic back from a rollout that cannot go on; its slot keeps the candidate.

    False where there was none to take: the rollout has ended, or another process runs it.
    """
    router = rollout.stage.router
    view = router.read()
    if view.state is None or not view.state.open or view.state.owner not in {rollout.owner, rollout.state.owner}:
        return False
    held = replace(view.state, phase=Phase.HELD, reason=reason, counters=None)
    route(router, _calm(view.split), held, expect_seq=view.split.seq)
    return view.split.threshold > 0


def _calm(split: Split) -> Split:
    return replace(split, threshold=0, lease=0, salt="none", seq=split.seq + 1)


def promote(rollout: Rollout, reason: str) -> Receipt:
    """Ledger, then router (the slots swap roles in one write), then alias. What is promoted is what was observed."""
    check_arms(rollout, must_answer=True)
    stage, state, split = rollout.stage, rollout.state, rollout.split
    ledger = stage.ledger()
    version = stage.world.registry(stage.scene.registry_uri).snapshot(stage.model).version(state.candidate)
    entry = ledger_entry(
        stage,
        ledger,
        LedgerOp.PROMOTE,
        champion=state.candidate,
        candidate=state.candidate,
        reason=reason,
        verdict_digest=version.tags.get(TAG_GATE_DIGEST, "") if version else "",
    )
    record: tuple[Operation, ...] = ()
    if ledger.champion != state.candidate:
        record = (AppendLedger(name=stage.model, entry=entry),)
    promoted = replace(state, phase=Phase.PROMOTED, reason=reason, counters=None)
    swapped = replace(_calm(split), champion=split.candidate, candidate=split.champion)
    move = SetSplit(target=stage.target.name, split=swapped, state=promoted, expect_seq=split.seq)
    alias = stage.champion_alias(state.candidate)
    return apply((*record, move, alias), stage.scene, again=rollout.again)


def roll_back(rollout: Rollout, reason: str) -> Receipt:
    """Traffic first; then the ledger; then the idle slot gets its standby version again."""
    stage, state, split = rollout.stage, rollout.state, rollout.split
    ended = replace(state, phase=Phase.ROLLED_BACK, reason=reason, counters=None)
    move = SetSplit(target=stage.target.name, split=_calm(split), state=ended, expect_seq=split.seq)
    traffic = apply((move,), stage.scene, again=rollout.again)

    def build() -> tuple[Operation, ...]:
        entry = ledger_entry(
            stage, stage.ledger(), LedgerOp.REJECT, champion=state.champion, candidate=state.candidate, reason=reason
        )
        alias = stage.champion_alias(state.champion)  # an earlier run may have left it
        return (AppendLedger(name=stage.model, entry=entry), alias, *_standby(rollout))

    wanted = (f"Record in the ledger that version {state.candidate} was rolled back",)
    again = f"ml-cicd rollback --target {stage.target.name} --to champion"
    return join(traffic, afterwards(stage, build, wanted=wanted, again=again))


def _standby(rollout: Rollout) -> tuple[DeploySlot, ...]:
    state, stage = rollout.state, rollout.stage
    if not (state.standby and state.standby_digest and stage.target.deploy):
        return ()
    return (
        DeploySlot(
            target=stage.target.name,
            slot=rollout.split.candidate,
            model=stage.model,
            version=state.standby,
            digest=state.standby_digest,
        ),
    )


def served_details(rollout: Rollout) -> Mapping[str, object]:
    """Return what a later replay of the decision needs."""
    return {
        "run_id": rollout.state.run_id,
        "candidate": rollout.state.candidate,
        "champion": rollout.state.champion,
        "plan_digest": rollout.state.plan_digest,
        "bad_requests": rollout.evidence.served.xc,
        "candidate_requests": rollout.evidence.served.nc,
        "observations": [
            [o.at, o.step, o.counts.nc, o.counts.xc, o.counts.nb, o.counts.xb] for o in rollout.state.observations
        ],
    }
