"""How a canary's run ends, and what it reports: its end, a look on the way, or its plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from ml_cicd.ground.errors import Defect, Exit, InputError, OutsideError
from ml_cicd.ground.operation import Receipt, join
from ml_cicd.ground.report import Note, Report, Section
from ml_cicd.registry.versions import TAG_GATE_DIGEST, ModelVersion
from ml_cicd.rollout.arms import check_arms, counters_of, down_words
from ml_cicd.rollout.events import Proven, Refused, TimedOut
from ml_cicd.rollout.evidence import Decided
from ml_cicd.rollout.history import Outcome
from ml_cicd.rollout.machine import Operations, step
from ml_cicd.rollout.operations import to_finish
from ml_cicd.rollout.session import Session, check_hand, release
from ml_cicd.rollout.settling import settle
from ml_cicd.rollout.state import Decision, Phase, RouterView
from ml_cicd.rollout.story import about, decision, example, failures, kinds, shares, what_now
from ml_cicd.rollout.words import details, evidence_table, pictures, plan_table, served_words, unseen

HEADLINES = {
    Decision.PROMOTE: "Promoted",
    Decision.ROLLBACK: "Rolled back",
    Decision.INCONCLUSIVE: "Inconclusive",
}
CODES = {
    Decision.ADVANCE: Exit.DONE,
    Decision.HOLD: Exit.DONE,
    Decision.PROMOTE: Exit.DONE,
    Decision.ROLLBACK: Exit.FAILED,
    Decision.INCONCLUSIVE: Exit.INCONCLUSIVE,
}
TAKEN_BACK = frozenset({Decision.ROLLBACK, Decision.INCONCLUSIVE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """Where a rollout stands when its run ends. `share` in percent, as people read it.

    `found_at` is the share at which it was decided, where that is another one by now.
    """

    decision: Decision
    share: str
    reason: str
    receipt: Receipt | None = None
    cure: str = ""
    found_at: str = ""
    sections: tuple[Section, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)


def report(ending: Ending) -> Report:
    """Lay it out; a receipt with a problem makes it partly applied."""
    receipt = ending.receipt
    partly = receipt is not None and bool(receipt.problem)
    share = ending.found_at or ending.share
    taken_back = ending.decision in TAKEN_BACK
    code = Exit.PARTLY if partly else CODES[ending.decision]
    if taken_back and code is Exit.DONE:
        raise Defect("A candidate that lost its traffic would be reported as a success.")
    return Report(
        command="canary",
        exit_code=code,
        headline=f"{HEADLINES.get(ending.decision, 'Going on')} at {share} %: {ending.reason}.",
        cure=to_finish(receipt) if receipt is not None and receipt.cures else ending.cure,
        sections=(*ending.sections, *(() if receipt is None else (receipt,))),
        details=ending.details,
        outputs={
            "decision": ending.decision.value,
            "share": ending.share,
            "rolled-back": str(taken_back).lower(),
            "reason": ending.reason,
        },
    )


def end(session: Session, decided: Decided) -> Report:
    """Carry a decision out, and report it."""
    state = session.state
    words = served_words(session.plan, session.evidence, state.candidate.version, state.champion.version)
    reason = f"{decided.reason} ({words})"
    ending = _shown(session, Decided(decision=decided.decision, reason=reason))
    ending = replace(ending, found_at=f"{session.where.split.threshold / 100:g}")
    split = session.where.split
    if decided.decision is Decision.ROLLBACK:
        split = split.calm(back_to=state.champion.version)
    if decided.decision in TAKEN_BACK and (down := down_words(split, counters_of(session.site))):
        cure = what_now(decided.decision, session.site.place.target, state, down=down)
        ending = replace(ending, cure=cure, sections=(*ending.sections, Note(text=down)))
    match decided.decision:
        case Decision.PROMOTE:
            return _promoted(session, ending)
        case Decision.ROLLBACK:
            return report(_received(session, ending, refuse(session, reason)))
        case Decision.INCONCLUSIVE:
            return report(_received(session, ending, give_up(session, reason)))
        case Decision.HOLD | Decision.ADVANCE:
            raise Defect(f"A rollout cannot end with {decided.decision}.")
        case _:
            assert_never(decided.decision)


def _shown(session: Session, decided: Decided) -> Ending:
    plan, evidence, seen = session.plan, session.evidence, session.observations
    return Ending(
        decision=decided.decision,
        share="100" if decided.decision is Decision.PROMOTE else "0",
        reason=decided.reason,
        cure=what_now(decided.decision, session.site.place.target, session.state),
        sections=(
            about(session.site, session.state, seen, None),
            *decision(plan, evidence),
            *unseen(plan, evidence),
            *failures(plan, seen),
            *kinds(seen),
            *(() if session.forecast is None else plan_table(plan, session.forecast)),
            evidence_table(plan, evidence),
            *pictures(plan, session.state, seen),
            *shares(plan, session.state, seen),
        ),
        details={**details(plan, evidence, session.state, seen), **_moment(session, decided)},
    )


def _received(session: Session, ending: Ending, receipt: Receipt) -> Ending:
    """Add what was done, and when the router did it."""
    which = about(session.site, session.state, session.observations, receipt)
    slot = session.where.split.idle  # as it was while the candidate had its share
    failed = example(session.site, slot, session.state) if ending.decision is Decision.ROLLBACK else ()
    return replace(ending, receipt=receipt, sections=(which, *failed, *ending.sections[1:]))


def _moment(session: Session, decided: Decided) -> Mapping[str, object]:
    """Return when the last look was, and what it led to, so that it can be repeated; nothing before the first one."""
    if session.decided_at is None:
        return {}
    step_then, elapsed = session.decided_at
    moment = {
        "step": step_then,
        "elapsed_seconds": elapsed,
        "deadline_seconds": session.plan.deadline_seconds,
        "decision": decided.decision.value,
        "reason": decided.reason,
    }
    return {"decided": moment}


def _promoted(session: Session, ending: Ending) -> Report:
    receipt = promote(session, ending.reason)
    if not receipt.problem or receipt.values(RouterView):
        return report(replace(_received(session, ending, receipt), found_at=""))
    reason = (
        f"version {session.state.candidate.version} is promoted in the ledger, but not by the router; "
        f"{_taken_back(session)}"
    )
    if not _can_finish(session):
        receipt = replace(receipt, cures=(session.site.place.to_champion,))
    half = replace(ending, decision=Decision.HOLD, share="0", reason=reason, receipt=receipt)
    return replace(report(half), headline=f"Half-way: {reason}.")


def _taken_back(session: Session) -> str:
    try:
        release(session, "stopped: the router did not take the promotion")
    except OutsideError:
        return "the candidate's share ends with its lease"
    return down_words(session.where.split, counters_of(session.site)) or "all traffic is at the champion"


def _can_finish(session: Session) -> bool:
    """Whether the same command can finish the promotion: its candidate waits, nobody else has moved the traffic, and
    the files beside the router are as it is. Else a rollback to what serves puts everything in order.
    """
    try:
        view = session.site.router.read()
    except OutsideError:
        return False
    state = view.state
    return state is not None and state.phase is Phase.HELD and state.candidate == session.state.candidate


def going(session: Session, reason: str) -> Report:
    """Report a rollout that goes on with the next tick."""
    ending = _shown(session, Decided(decision=Decision.HOLD, reason=reason))
    return report(replace(ending, share=f"{session.where.split.threshold / 100:g}"))


def planned(session: Session, headline: str, operations: Operations) -> Report:
    """Report what a rollout would be and do first, for a dry run."""
    receipt = session.site.apply(operations, again="", dry_run=True)
    table = () if session.forecast is None else plan_table(session.plan, session.forecast)
    dry = report(Ending(decision=Decision.HOLD, share="0", reason=headline, sections=table, receipt=receipt))
    return replace(dry, headline=headline)


def already(session: Session, candidate: ModelVersion, operations: Operations, reason: str, *, dry_run: bool) -> Report:
    """Do what needs no evidence: there is nobody to compare with, or the promotion is on record already."""
    receipt = session.site.apply(operations, again=f"ml-cicd canary --candidate {candidate.number}", dry_run=dry_run)
    if not dry_run:
        cure = f"Nothing: version {candidate.number} serves." if not receipt.problem else ""
        return report(Ending(decision=Decision.PROMOTE, share="100", reason=reason, receipt=receipt, cure=cure))
    words = f"Nothing to compare: {reason}."
    dry = report(Ending(decision=Decision.HOLD, share="0", reason=words, receipt=receipt))
    return replace(dry, headline=words)


def not_again(asked: str, candidate: ModelVersion, why: str, *, waits: bool) -> Report:
    """Say no to a version that an alias still names although it was turned down: a schedule would try it for ever.

    Raises:
        InputError: this is no tick, so somebody waits for the rollout.
    """
    what = f"{asked} is version {candidate.number}, which {why}"
    cure = f"Register another version, or try it again by its number: --candidate {candidate.number}."
    if waits:
        raise InputError(f"{what[0].upper()}{what[1:]}.", cure=cure)
    no = report(Ending(decision=Decision.HOLD, share="0", reason=what, cure=cure, sections=(Note(text=cure),)))
    return replace(no, headline=f"Nothing to roll out: {what}.")


def promote(session: Session, reason: str) -> Receipt:
    """Ledger, then router (the slots swap roles in one write), then alias. What is promoted is what was observed."""
    site, candidate = session.site, session.state.candidate
    ledger = site.history()
    version = site.snapshot().version(candidate.version)
    # Last: the registry's client may have to be installed first, and slots and router can change meanwhile.
    check_arms(site, session.where, must_answer=True)
    check_hand(session)
    verdict_digest = version.tags.get(TAG_GATE_DIGEST, "") if version else ""
    event = Proven(reason=reason, ledger=ledger, author=site.author(), verdict_digest=verdict_digest)
    _, operations = step(session.where, event)
    return site.apply(operations, again=session.again)


def refuse(session: Session, reason: str) -> Receipt:
    """Take all traffic from a candidate that did harm, and put that on record."""
    return _back(session, Refused(reason=reason), "rolled back")


def give_up(session: Session, reason: str) -> Receipt:
    """Take all traffic back from a rollout that ran out of time; its candidate may be tried again."""
    return _back(session, TimedOut(reason=reason), "not decided on")


def _back(session: Session, event: Refused | TimedOut, words: str) -> Receipt:
    """Traffic first; then the ledger; then the idle slot gets its standby version again."""
    site, state, reason = session.site, session.state, event.reason
    where, move = step(session.where, event)
    traffic = site.apply(move, again=site.place.to_champion)
    champion = state.champion.version
    outcome = Outcome(champion=champion, before=champion, stopped=True, reason=reason)

    def build() -> Operations:
        return settle(site, where, outcome)

    wanted = (f"Record in the ledger that version {state.candidate.version} was {words}",)
    return join(traffic, site.afterwards(build, wanted=wanted, again=site.place.to_champion))
