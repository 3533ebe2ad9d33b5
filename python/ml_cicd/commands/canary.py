"""Roll a version out: a small share first, more on evidence, all on proof, none at the first sign of harm."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import assert_never

from ml_cicd.config import Config
from ml_cicd.gate.settings import WhenNoChampion
from ml_cicd.ground.errors import Conflict, Defect, EvidenceError, InputError, IntegrityError
from ml_cicd.ground.inputs import Command, CommonInputs, Needs, option
from ml_cicd.ground.report import Report
from ml_cicd.registry.versions import CHALLENGER, TAG_GATE_VERDICT, Release
from ml_cicd.rollout import forecast as forecasts
from ml_cicd.rollout import session as sessions
from ml_cicd.rollout.arms import counters_of, down_words
from ml_cicd.rollout.ending import already, end, going, not_again, planned
from ml_cicd.rollout.history import Outcome
from ml_cicd.rollout.machine import FIRST_RELEASE, Operations
from ml_cicd.rollout.outright import check_champion, finish_promotion, first_release
from ml_cicd.rollout.plan import make_plan, plan_digest
from ml_cicd.rollout.recorded import read_recorded, repeat
from ml_cicd.rollout.refusal import named, refusal
from ml_cicd.rollout.session import Session
from ml_cicd.rollout.settings import CanarySettings, WhenInconclusive
from ml_cicd.rollout.settling import overdue
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.situation import Facts, Record, Situation, situation
from ml_cicd.rollout.state import LONGEST_LEASE_SECONDS
from ml_cicd.world import World

TICK_DEADLINE_SECONDS = 86_400.0  # a step needs three looks, and looks are minutes apart
LARGEST_RECORD = 64 * 2**20
OUTPUTS: Mapping[str, str] = {
    "decision": "promote, rollback, hold or inconclusive.",
    "share": "The candidate's share in percent at the end; 100 after promotion.",
    "rolled-back": "true when all traffic was taken back from the candidate.",
    "reason": "Why, in one sentence.",
}
ON_ERROR: Mapping[str, str] = {"rolled-back": "false"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `canary`."""

    candidate: str = option("Version or alias to roll out.", default=CHALLENGER)
    target: str = option("Name of the target in the configuration; empty when there is only one.")
    mode: str = option(
        "run: to the end; tick: one look, with the state kept beside the router.",
        default="run",
        choices=("run", "tick"),
    )
    deadline_minutes: str = option("Longest rollout in minutes; empty for the configuration's.")
    registry_uri: str = option("Registry; empty for the configuration's.")
    allow_inconclusive: bool = option(
        "Begin even where the forecast says that the deadline comes before the evidence.", default=False
    )

    take_over: bool = option(
        "Take the idle slot from a run that died while it deployed, without waiting for its claim to end.",
        default=False,
    )
    replay: str = option(
        "Report of an earlier canary, or its file of looks: decide again on that, offline, and touch nothing.",
        path=True,
    )

    @property
    def ticks(self) -> bool:
        """Whether this is one look of many."""
        return self.mode == "tick"


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What a run knows once it has looked around; `session` holds nothing yet."""

    inputs: Inputs
    config: Config
    session: Session
    facts: Facts

    @property
    def record(self) -> Record:
        """What the registry says."""
        if self.facts.record is None:
            raise Defect("The registry was not asked.")
        return self.facts.record

    @property
    def interval_seconds(self) -> float:
        """Time between two looks."""
        return self.config.canary.interval


def run(inputs: Inputs, world: World) -> Report:
    """Go on with a running rollout or begin one; or decide again on a recorded one."""
    if inputs.replay:
        return _replay(inputs, world)
    start, found = _look_around(inputs, world)
    candidate, dry_run = inputs.candidate, inputs.dry_run
    session = start.session
    match found:
        case Situation.GO_ON:
            return _go_on(start)
        case Situation.FIRST_RELEASE:
            return already(session, start.record.candidate, _first_release(start), FIRST_RELEASE, dry_run=dry_run)
        case Situation.ON_RECORD:
            version = start.record.candidate
            reason = f"version {version.number} is the champion already"
            return already(session, version, finish_promotion(session, version), reason, dry_run=dry_run)
        case Situation.TURNED_DOWN:
            return not_again(candidate, start.record.candidate, start.facts.turned_down, waits=not inputs.ticks)
        case Situation.BEGIN:
            return _begin(start)
        case Situation.OTHER_CANDIDATE | Situation.ALIVE | Situation.OTHER_PLAN | Situation.CLAIMED:
            gone = world.is_gone(session.state.owner)
            raise refusal(found, start.facts.view, session.state, session.site.place, gone=gone)
        case Situation.ASK_REGISTRY:
            raise Defect("The registry was asked, and still only it can tell.")
        case _:
            assert_never(found)


def _replay(inputs: Inputs, world: World) -> Report:
    config = world.config(inputs.config, required=True)
    settings, sources = config.canary, [target.metrics for target in config.targets.values()]
    text = world.files.read_text(inputs.replay, limit=LARGEST_RECORD)
    deadline_seconds = _deadline_seconds(inputs, settings)
    return repeat(settings, sources or [None], read_recorded(text, inputs.replay, deadline_seconds=deadline_seconds))


def _look_around(inputs: Inputs, world: World) -> tuple[Start, Situation]:
    """Read configuration and router; ask the registry only where they cannot tell."""
    config = world.config(inputs.config, required=True)
    config.registry_uri(inputs.registry_uri)  # a rollout that could not be recorded is not begun
    site = world.site(config, target=inputs.target, registry_uri=inputs.registry_uri)
    plan = make_plan(config.canary, deadline_seconds=_deadline_seconds(inputs, config.canary))
    view = site.router.read()
    facts = Facts(
        asked=inputs.candidate,
        waits=not inputs.ticks,
        plan_digest=plan_digest(config.canary, config.targets[site.place.target].metrics),
        view=view,
        takes_over=inputs.take_over,
    )
    found = situation(facts)
    if found is Situation.ASK_REGISTRY:
        facts = _asked(inputs, site, facts)
        found = situation(facts)
    lease = _lease_seconds(inputs, config.canary)
    session = sessions.new_session(site, plan, view, lease_seconds=lease, owner=world.new_name())
    return Start(inputs=inputs, config=config, session=session, facts=facts), found


def _first_release(start: Start) -> Operations:
    gate = start.config.gate
    allowed = gate is not None and gate.when_no_champion is WhenNoChampion.FIRST_RELEASE
    record = start.record
    return first_release(start.session, record.candidate, record.ledger, start.facts.plan_digest, allowed=allowed)


def _begin(start: Start) -> Report:
    """Roll the candidate out over the champion."""
    inputs, record = start.inputs, start.record
    session = _forecast(start)
    if inputs.dry_run:
        champion = Release(version=record.ledger.champion or "")
        operations = sessions.to_begin(session, record.candidate.release, champion, start.facts.plan_digest)[1]
        headline = f"Would roll out version {record.candidate.number} over {champion.version}."
        return planned(session, headline, operations)
    champion = check_champion(session.site, start.facts.view, record.ledger.champion or "")
    _record_the_last(session, champion)
    if start.facts.view.claimed:
        with session.site.router.hold(session.where.split.idle):
            pass  # refused where that run's hook lives
        # Should that run live after all: its next write finds another number in the router, and it stops.
        session.site.say(f"Taking over from the run that was deploying version {session.state.candidate.version}.")
    with _traffic_returns(session, always=True):
        session = sessions.begin(session, record.candidate.release, champion, start.facts.plan_digest)
        if inputs.ticks:
            return going(session, "the rollout has begun")
        return end(*sessions.run_to_end(session, start.interval_seconds))


def _record_the_last(session: Session, champion: Release) -> None:
    """Write how the last rollout ended, where its run could not: the claim that comes now forgets it."""
    served = champion.version
    state = session.where.state
    outcome = Outcome(champion=served, before=served, stopped=False, reason=state.reason if state is not None else "")
    with suppress(Conflict):  # whoever writes at this moment may be that very run
        session.site.apply(overdue(session.site, session.where, outcome), again="")


def _forecast(start: Start) -> Session:
    """Look at the traffic before anything is written, and choose the first step by it.

    Raises:
        InputError: the deadline would come before the evidence, and nobody allowed that.
    """
    settings, session = start.config.canary, start.session
    traffic = forecasts.measure(session.site, session.plan, start.facts.view.split)
    first = forecasts.first_step(settings, traffic)
    pause = 0.0 if start.inputs.ticks else start.interval_seconds
    found = forecasts.forecast(session.plan, traffic, first=first, interval_seconds=pause)
    promotes = settings.when_inconclusive is WhenInconclusive.PROMOTE and traffic.requests > 0
    if not (found.in_time or promotes or start.inputs.allow_inconclusive):
        raise forecasts.too_slow(settings, found, first=first, interval_seconds=pause)
    return replace(session, first_step=first, forecast=found)


def _go_on(start: Start) -> Report:
    """Look until the end, or once, at a rollout that another process began."""
    inputs, session, view = start.inputs, start.session, start.facts.view
    state = session.state
    if inputs.dry_run:
        return planned(session, "Would go on.", sessions.to_renew(session))
    steps = len(session.plan.steps)
    session.site.say(f"Going on with {named(state)} at step {state.step + 1} of {steps}.")
    plan = replace(session.plan, deadline_seconds=state.deadline_seconds)
    session = sessions.resumed(replace(session, plan=plan), view, state)
    with _traffic_returns(session, always=not inputs.ticks):
        session = sessions.take_up(session, view)
        if not inputs.ticks:
            return end(*sessions.run_to_end(session, start.interval_seconds))
        session, decided = sessions.look(session)
        if not decided.ends:
            return going(sessions.go_on(session, decided), decided.reason)
        return end(session, decided)


def _deadline_seconds(inputs: Inputs, settings: CanarySettings) -> float:
    minutes = inputs.deadline_minutes
    if not minutes:
        return max(settings.deadline, TICK_DEADLINE_SECONDS) if inputs.ticks else settings.deadline
    if not minutes.isdigit() or not 0 < int(minutes) <= forecasts.LONGEST_DEADLINE_MINUTES:
        raise InputError(
            f"Input 'deadline-minutes' is {minutes!r}.",
            cure=f"Write minutes from 1 to {forecasts.LONGEST_DEADLINE_MINUTES}.",
        )
    return 60.0 * int(minutes)


def _lease_seconds(inputs: Inputs, settings: CanarySettings) -> float:
    return LONGEST_LEASE_SECONDS if inputs.ticks else settings.lease


def _asked(inputs: Inputs, site: Site, facts: Facts) -> Facts:
    """Ask the registry no more than is needed: a rollout goes on without a readable ledger and a new verdict."""
    if not facts.running:
        return replace(facts, record=_record(inputs, site))
    found = site.snapshot().resolve(inputs.candidate)
    return replace(facts, number=found.number if found is not None else "")


def _record(inputs: Inputs, site: Site) -> Record:
    """Ask the registry for the candidate and for what happened here."""
    snapshot = site.snapshot()
    found = snapshot.resolve(inputs.candidate)
    if found is None:
        known = ", ".join([*snapshot.aliases, *(v.number for v in snapshot.versions)]) or "nothing"
        raise InputError(f"{snapshot.name} has no version or alias {inputs.candidate!r}.", cure=f"It has: {known}.")
    if not found.digest or found.tags.get(TAG_GATE_VERDICT) != "pass":
        raise EvidenceError(
            f"Version {found.number} of {found.name} was not registered with a passing gate verdict.",
            cure="Register it with `ml-cicd register`.",
        )
    return Record(candidate=found, ledger=site.history())


@contextmanager
def _traffic_returns(session: Session, *, always: bool) -> Iterator[None]:
    """Whatever interrupts a run, from its first write on, takes all traffic back before it is passed on.

    A tick that fails, and has not just begun the rollout, leaves it to the next one, unless a slot serves what nobody
    judged (`always` is False).
    """
    try:
        yield
    except BaseException as problem:
        stops = always or isinstance(problem, IntegrityError)
        if stops and sessions.release(session, f"stopped: {type(problem).__name__}"):
            down = down_words(session.where.split, counters_of(session.site))
            session.site.say(f"Stopped: {down or 'all traffic is back at the champion.'}")
        raise


COMMAND = Command(
    inputs=Inputs,
    outputs=OUTPUTS,
    on_error=ON_ERROR,
    run=run,
    needs=Needs(first="traffic", later=("registry", "sqlite")),
)
