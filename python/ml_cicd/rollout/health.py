"""Whether a target is ready for a rollout and for the way back: one finding for each thing, one cause once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ml_cicd.ground.errors import Defect, MlCicdError, NotFound
from ml_cicd.ground.finding import Examined, Finding, Outcome, broken, remark
from ml_cicd.rollout import forecast as forecasts
from ml_cicd.rollout.arms import down_words, is_down
from ml_cicd.rollout.bounded import within
from ml_cicd.rollout.guardrail import Window, sentence
from ml_cicd.rollout.plan import Plan, make_plan
from ml_cicd.rollout.ports import Clock
from ml_cicd.rollout.present import OnRecord, Traffic, disagreements, silent, to_finish, traffic_now
from ml_cicd.rollout.settings import CanarySettings
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.state import Counters, RouterView, Split
from ml_cicd.rollout.users import groups_of, users_seen
from ml_cicd.rollout.words import forecast_words

T = TypeVar("T")
MEASURED_SECONDS = 2.0
PART_SECONDS = 6.0
LEAST_SECONDS = 0.2
LONGEST_LEASE = 1800.0  # of a tick; a run's own is shorter
CLOCKS_APART = 2.0
SILENT = "surroundings"
CHECK = "health check"
RUNBOOK = "docs/runbook.md says what to type."


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Until when (epoch seconds) all parts together may take."""

    clock: Clock
    until: float

    @property
    def left(self) -> float:
        """How long is left: never nothing, so that a part that answers at once is heard."""
        return max(LEAST_SECONDS, self.until - self.clock.now())

    def look(self, what: str, look: Callable[[], T], seconds: float = PART_SECONDS) -> T:
        """Look, for as long as is left. Raises what the look raises, or `Unreachable`."""
        return within(min(seconds, self.left), what, look)


def examined(door: object, budget: Budget) -> tuple[Finding, ...]:
    """Return what a door says of its surroundings; nothing where it has nothing to say."""
    if not isinstance(door, Examined):
        return ()
    try:
        return budget.look("A part of it", door.examine)
    except Defect:
        raise
    except MlCicdError as problem:
        return (broken(SILENT, problem.what, problem.cure),)


def target_findings(
    site: Site, settings: CanarySettings, record: OnRecord | None, budget: Budget
) -> tuple[Finding, ...]:
    """Look at router, counters, slots and what surrounds them. What cannot be true without the router is not asked."""
    around = (*examined(site.router, budget), *examined(site.slots, budget))
    # A wrong socket is the one cause of all that would follow.
    wrong = any(found.rule == "socket" and found.blocks for found in around)
    traffic = traffic_now(site, ask_router=not wrong, most=budget.left / 2)
    found: list[Finding] = [] if wrong else [_router(traffic)]
    view = traffic.view
    if view is None:  # a router that is silent is silent to every question
        around = tuple(one for one in around if one.rule != SILENT)
    else:
        found += [
            *_counters(site, settings, traffic, view.split, budget),
            *_users(site, budget),
            _lease(site.place.target, view, traffic.clocks_apart),
            *_agreement(site, traffic, record),
        ]
    slots = _slots(traffic, record)
    if any(one.blocks for one in slots):  # the same cause, and the slot's own line names the version that is missed
        found = [one for one in found if one.rule != CHECK]
    return (*found, *slots, *around)


def _pass(rule: str, says: str) -> Finding:
    return Finding(rule=rule, outcome=Outcome.PASS, reason=says)


def _router(traffic: Traffic) -> Finding:
    view, problem = traffic.view, traffic.problem
    if problem is not None:
        return broken("router", problem.what, problem.cure)
    if view is None:
        return broken("router", "It was not asked.", "Mend what is said below.")
    phase = f", last rollout {view.state.phase.value}" if view.state else ""
    return _pass("router", f"slot {view.split.serving} serves, {view.share / 100:g} % to {view.split.idle}{phase}")


def _counters(
    site: Site, settings: CanarySettings, traffic: Traffic, split: Split, budget: Budget
) -> tuple[Finding, ...]:
    plan = make_plan(settings, deadline_seconds=settings.deadline)

    def measure() -> tuple[Mapping[str, Counters], forecasts.Traffic]:
        seen = forecasts.measure(site, plan, split, seconds=MEASURED_SECONDS)
        return site.source.read(), seen

    try:
        now, seen = budget.look("What counts the requests", measure)
    except Defect:
        raise
    except MlCicdError as problem:
        return (broken("counters", problem.what, problem.cure),)
    words = ", ".join(
        f"{slot} {c.requests:,} requests, {c.events.get('errors', 0):,} failed" for slot, c in sorted(now.items())
    )
    return (
        _pass("counters", words),
        *_unwatched(plan, now),
        *_reached(split, now, seen, traffic),
        traffic_finding(settings, plan, seen),
    )


def _unwatched(plan: Plan, counters: Mapping[str, Counters]) -> Iterator[Finding]:
    """Hold all that was ever counted against what the guardrails look at."""
    windows = [Window(requests=c.requests, events=c.events, open=c.open, times=c.times) for c in counters.values()]
    if len(windows) != 2:  # a rollout would find that out by itself
        return
    for guard in plan.guardrails:
        try:
            blind = guard.blind(guard.reading(*windows), sum(window.requests for window in windows))
        except NotFound as problem:
            yield broken("counters", problem.what, problem.cure)
            continue
        if blind is not None:
            yield remark(guard.name, sentence(blind.what), sentence(blind.cure))


def _reached(
    split: Split, now: Mapping[str, Counters], seen: forecasts.Traffic, traffic: Traffic
) -> tuple[Finding, ...]:
    """Tell of a serving slot that the router cannot reach; one that is empty before a first release has no users."""
    slot = split.serving
    if not is_down(split, now) or slot not in traffic.slots:
        return ()
    if not traffic.slots[slot].problem:
        what = f"The router's health check does not reach slot {slot}, which serves and answers here."
        return (broken(CHECK, what, "Compare its address in the router's configuration with targets.<name>.slots."),)
    if not seen.requests:
        return ()
    what = f"{down_words(split, now)} {seen.requests:,} requests came in {seen.seconds:g} s."
    return (broken(CHECK, what, "Start it, or deploy a version there."),)


def _users(site: Site, budget: Budget) -> tuple[Finding, ...]:
    try:
        users = budget.look("What counts the users", lambda: users_seen(groups_of(site.source)))
    except Defect:
        raise
    except MlCicdError as problem:
        return (broken("users", problem.what, problem.cure),)
    sticky = f"sticky: the requests so far are worth about {users:,.0f} equally active users"
    return (_pass("users", sticky if users else "none is told, so each request counts by itself"),)


def traffic_finding(settings: CanarySettings, plan: Plan, seen: forecasts.Traffic) -> Finding:
    """Hold the traffic of the moment against the plan, by the forecast that a canary begins with."""
    first = forecasts.first_step(settings, seen)
    found = forecasts.forecast(plan, seen, first=first, interval_seconds=settings.interval)
    if found.in_time:
        return _pass("traffic", forecast_words(found).rstrip("."))
    slow = forecasts.too_slow(settings, found, first=first, interval_seconds=settings.interval)
    return remark("traffic", slow.what, slow.cure)


def _lease(target: str, view: RouterView, apart: float) -> Finding:
    rule, left = "lease and clock", view.split.lease - view.now
    if abs(apart) > CLOCKS_APART:
        what = f"The router's clock is {apart:+.0f} s from this machine's, and leases end by the router's."
        return broken(rule, what, "Set both by NTP.")
    if left > LONGEST_LEASE + CLOCKS_APART:
        what = f"The lease ends in {left:,.0f} s, and no run asks for more than {LONGEST_LEASE:,.0f}: a clock was set."
        return broken(rule, what, f"ml-cicd rollback --target {target} --to champion")
    return _pass(rule, "no lease" if left <= 0 else f"lease ends in {left:.0f} s")


def _agreement(site: Site, traffic: Traffic, record: OnRecord | None) -> tuple[Finding, ...]:
    finish = to_finish(site.place, traffic, record)
    apart = disagreements(site.place, traffic, record)
    if apart:
        return tuple(broken("agreement", what, finish or RUNBOOK) for what in apart)
    if finish:
        return (broken("agreement", "A run did not finish what it began.", finish),)
    who = "router and slots agree" if record is None else "router, slots, ledger and alias agree"
    return (_pass("agreement", f"{who}: version {traffic.serving or 'none'}"),)


def _slots(traffic: Traffic, record: OnRecord | None) -> tuple[Finding, ...]:
    """An idle slot may be empty, and before the first release both; only what should answer is a problem."""
    missed = silent(traffic, record)
    found = []
    for slot, identity in traffic.slots.items():
        rule, release = f"slot {slot}", identity.release
        if slot in missed:
            found.append(broken(rule, missed[slot], "Start it, or deploy that version there."))
        elif identity.problem:
            found.append(remark(rule, identity.problem, "It may stay empty until a version is deployed there."))
        else:
            found.append(_pass(rule, f"version {release.version} ({release.digest[:19]})"))
    return tuple(found)


def named(target: str, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings with the target's name before each rule."""
    return tuple(replace(found, rule=f"{target}: {found.rule}") for found in findings)
