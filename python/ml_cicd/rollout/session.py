"""One rollout as this process sees it: it reads, lets the machine step, has the operations applied. Nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.ground.errors import Conflict, CorruptState, OutsideError, Unreachable
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.arms import check_arms, down_words, drain
from ml_cicd.rollout.counting import alive, difference, kinds_of
from ml_cicd.rollout.events import (
    Based,
    Claimed,
    Deployed,
    Ended,
    Event,
    Lease,
    Looked,
    Renewed,
    Shared,
)
from ml_cicd.rollout.evidence import Decided, Evidence, Look, decide, is_harmful, no_evidence, replay, take_in
from ml_cicd.rollout.forecast import Forecast
from ml_cicd.rollout.machine import Operations, Where, step
from ml_cicd.rollout.operations import SetSplit
from ml_cicd.rollout.plan import Plan
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.state import LAPSED, Counters, Decision, Observation, Phase, RolloutState, RouterView
from ml_cicd.rollout.users import by_part, by_users, groups_of
from ml_cicd.rollout.words import look_line, plan_line

DEPLOY_SECONDS = 360.0  # what a deploy hook and the slot's answer may take: a claim that is older is a dead run's
CLAIM_SECONDS = DEPLOY_SECONDS + 60  # and the slot's drain
WARM_UP_INTERVAL_SECONDS = 1.0  # a candidate that fails everything shows in a few requests, so one looks often then


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A rollout in the hands of this process, which signs its writes as `owner`.

    `decided_at` is the step of the last look, and its seconds since the rollout began; `first_step` and `forecast` are
    of a rollout that this process begins; `written` is what the router said after this process's last write.
    """

    site: Site
    plan: Plan
    where: Where
    evidence: Evidence
    lease_seconds: float
    owner: str
    observations: tuple[Observation, ...] = ()
    decided_at: tuple[int, float] | None = None
    first_step: int = 0
    forecast: Forecast | None = None
    written: RouterView | None = None

    @property
    def state(self) -> RolloutState:
        """Its state."""
        return self.where.running

    @property
    def again(self) -> str:
        """Command that goes on with it."""
        return f"ml-cicd canary --target {self.site.place.target} --candidate {self.state.candidate.version}"


def to_begin(session: Session, candidate: Release, champion: Release, plan_digest: str) -> tuple[Where, Operations]:
    """Return what begins a rollout: the idle slot is claimed, then the candidate deployed there."""
    event = Claimed(
        candidate=candidate,
        champion=champion,
        at=session.site.router.read().now,
        deadline_seconds=session.plan.deadline_seconds,
        plan_digest=plan_digest,
        lease=_lease(session, CLAIM_SECONDS),
        step=session.first_step,
    )
    return step(session.where, event)


def to_renew(session: Session) -> Operations:
    """Return what keeps the share that is written for another lease."""
    return step(session.where, Renewed(lease=_lease(session)))[1]


def begin(session: Session, candidate: Release, champion: Release, plan_digest: str) -> Session:
    """Claim the idle slot, so that nobody routes traffic there meanwhile, deploy the candidate, give the first share.

    Raises:
        Conflict: somebody else wrote to the router first. OutsideError: the hook failed.
    """
    session = _performed(session, *to_begin(session, candidate, champion, plan_digest))
    if session.forecast is not None:
        session.site.say(plan_line(session.plan, session.state, session.forecast))
    drain(session.site, session.where.split.idle)
    return rebase(_step(session, Deployed(at=session.site.router.read().now)))


def take_up(session: Session, view: RouterView) -> Session:
    """Go on with a rollout that this process did not begin: a fresh lease, and counters read anew where none are good.

    Where the lease had ended, what came until then is counted first: a candidate that shows harm gets nothing more.

    Raises:
        IntegrityError: meanwhile a slot came to serve something else.
    """
    check_arms(session.site, session.where)
    if view.share == 0:
        session = _count(session, view, session.site.source.read(), whole=False)
        if is_harmful(session.plan, session.evidence):
            return session
    return rebase(session) if session.state.counters is None or view.share == 0 else session


def rebase(session: Session, *, advance: int = 0) -> Session:
    """Start counting anew under the share now in force: what straddles a change of share is never compared.

    Two writes: the first forgets the counters, so that a kill before the second leaves no base that is older than the
    share; the second keeps those that were read once the share was in force.
    """
    at = session.state.step + advance
    shared = _step(session, Shared(step=at, threshold=session.plan.steps[at], lease=_lease(session)))
    counters = dict(session.site.source.read())
    return _in_time(shared, _step(shared, Based(counters=counters, lease=_lease(shared))))


def look(session: Session) -> tuple[Session, Decided]:
    """Read both arms' counters, add what they served to the evidence, and decide.

    The counters come before the router's word: a lease that is in force then was in force for all that they count.
    """
    counters = session.site.source.read()
    view = session.site.router.read()
    known = view.split.seq == session.where.split.seq
    if not known:
        session = _adopt(session, view)
    check_arms(session.site, session.where)
    session = _count(session, view, counters, whole=known and view.share > 0)
    elapsed = view.now - session.state.started_at
    moment = Look(plan=session.plan, evidence=session.evidence, step=session.state.step, elapsed_seconds=elapsed)
    split = session.where.split
    session.site.say(look_line(moment, split, at=view.now, down=down_words(split, counters)))
    return replace(session, decided_at=(moment.step, elapsed)), decide(moment)


def _adopt(session: Session, view: RouterView) -> Session:
    """Take up what an earlier write of this process left, of which it heard nothing.

    Raises:
        Conflict: somebody else wrote it.
    """
    if view.state is None or not view.state.open or view.state.owner != session.owner:
        raise _somebody_else()
    return resumed(session, view, view.state)


def check_hand(session: Session) -> None:
    """Check that nobody else has written to the router since this process did. Raises `Conflict`."""
    if session.site.router.read().split.seq != session.where.split.seq:
        raise _somebody_else()


def _somebody_else() -> Conflict:
    return Conflict(
        "Another run writes to this router; this one has stopped and changed nothing.",
        cure="Run `ml-cicd status` to see what serves.",
    )


def resumed(session: Session, view: RouterView, state: RolloutState) -> Session:
    """Return the session as the router keeps it, with the evidence of all its observations."""
    seen = session.site.router.observations(state)
    where = Where(place=session.site.place, split=view.split, state=state)
    return replace(session, where=where, observations=seen, evidence=replay(session.plan, seen))


def _count(session: Session, view: RouterView, counters: Mapping[str, Counters], *, whole: bool) -> Session:
    """Add what both arms served since the last look to the evidence; the first reading only sets the counters.

    `whole`: the share was surely in force all the while. It was not where the lease had ended, and nobody knows where
    the answer to a write got lost, which may have come after the lease's end.
    """
    state, split = session.state, session.where.split
    windows, base = difference(state.counters, counters, (split.idle, split.serving))
    # A clock that was put back must not keep deadline and promotion waiting: a look comes no earlier than the last one.
    began = min(state.started_at, view.now - session.evidence.at_seconds)
    if windows is None:
        return _step(session, Looked(seen=None, counters=dict(base), began=began))
    groups = groups_of(session.site.source)
    arms = (windows[0], alive(windows[1]))
    candidate, champion = by_users(arms, groups, split, before=session.evidence.requests[0])
    seen = Observation(
        at_seconds=view.now - began,
        step=state.step if whole and not champion.down else LAPSED,
        readings={guard.name: guard.reading(candidate, champion) for guard in session.plan.guardrails},
        kinds=kinds_of(candidate, champion),
        requests=(candidate.requests, champion.requests),
        groups=by_part(groups, split.salt),
    )
    session = _step(session, Looked(seen=seen, counters=dict(base), began=began))
    evidence = take_in(session.plan, session.evidence, seen)
    return replace(session, evidence=evidence, observations=(*session.observations, seen))


def go_on(session: Session, decided: Decided) -> Session:
    """Renew the lease, or raise the share by one step."""
    if decided.decision is Decision.ADVANCE:
        share = session.plan.steps[session.state.step + 1] / 100
        session.site.say(f"Advancing to {share:g} %: {decided.reason}.")
        return rebase(session, advance=1)
    return _in_time(session, _step(session, Renewed(lease=_lease(session))))


def _in_time(before: Session, after: Session) -> Session:
    """Forget the counters where a lease had ended before its renewal came, e.g. because this process was suspended:
    what the champion served alone meanwhile is no evidence at this share.
    """
    written, split = after.written, before.where.split
    if written is not None and replace(written, split=split).leased:
        return after
    at = after.state.step
    return _step(after, Shared(step=at, threshold=after.where.split.threshold, lease=_lease(after)))


def run_to_end(session: Session, interval_seconds: float) -> tuple[Session, Decided]:
    """Look until a decision ends the rollout. Ends by the deadline at the latest: the table decides then.

    When router or metrics fail, traffic is held for as long as the lease allows; then all of it goes back.
    """
    clock = session.site.clock
    failing_since: float | None = None
    while True:
        warming = session.evidence.at_seconds < session.plan.warm_up_seconds
        clock.sleep(min(interval_seconds, WARM_UP_INTERVAL_SECONDS) if warming else interval_seconds)
        try:
            session, decided = look(session)
            if decided.ends:
                return session, decided
            session = go_on(session, decided)
            failing_since = None
        except (Conflict, CorruptState):
            raise
        except OutsideError as problem:
            failing_since = failing_since if failing_since is not None else clock.now()
            session.site.say(f"Holding: {problem}")
            # Half a lease: the other half is what it takes to give traffic back before the router does it unasked.
            if clock.now() - failing_since >= session.lease_seconds / 2:
                raise Unreachable(
                    f"Router or metrics failed for {session.lease_seconds / 2:g} s: {problem.what}", cure=problem.cure
                ) from problem


def release(session: Session, reason: str) -> bool:
    """Take all traffic back from a rollout that cannot go on; its slot keeps the candidate.

    False where there was none to take: the rollout has ended, or another process runs it.
    """
    view = session.site.router.read(urgent=True)
    mine, state = session.where.state, view.state
    # A rollout that this process goes on with is its own, until somebody else writes; a claim that it found is not:
    # that run may live after all.
    goes_on = mine is not None and mine.phase is Phase.RUNNING and view.split.seq == session.where.split.seq
    owners = {session.owner, mine.owner if mine is not None and goes_on else session.owner}
    # Where the state is lost nobody can tell whose share it is, and no run can go on with it: it ends.
    lost = state is None and bool(view.unsaved) and view.split.threshold > 0
    if not lost and (state is None or not state.open or state.owner not in owners):
        return False
    # Not what this process remembers, but what the router has: a write whose answer got lost may be in force.
    found = replace(session, where=Where(place=session.site.place, split=view.split, state=state))
    _step(found, Ended(reason=reason))
    return view.split.threshold > 0


def _lease(session: Session, seconds: float | None = None) -> Lease:
    """Return a lease by the router's clock, which is the one that judges it."""
    length = session.lease_seconds if seconds is None else seconds
    until, site = int(session.site.router.read().now + length) + 1, session.site
    return Lease(until=until, owner=session.owner, actor=site.actor, run_url=site.run_url)


def _step(session: Session, event: Event) -> Session:
    """Let something happen, each operation on its own: a failure is then raised as what it is."""
    return _performed(session, *step(session.where, event))


def _performed(session: Session, where: Where, operations: Operations) -> Session:
    for operation in operations:
        receipt = session.site.apply((operation,), again="", quiet=isinstance(operation, SetSplit))
        for line in receipt.not_done:  # traffic came back, and its files did not follow
            session.site.say(line)
        session = replace(session, written=next(iter(receipt.values(RouterView)), session.written))
    return replace(session, where=where)


def new_session(site: Site, plan: Plan, view: RouterView, *, lease_seconds: float, owner: str) -> Session:
    """Return what a process starts from; `owner` is a name that no other process has."""
    where = Where(place=site.place, split=view.split, state=view.state)
    return Session(
        site=site, plan=plan, where=where, evidence=no_evidence(plan), lease_seconds=lease_seconds, owner=owner
    )
