"""Whether a target is ready for a rollout and for the way back: one finding for each thing, one cause once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ml_cicd.ground.errors import Defect, MlCicdError
from ml_cicd.ground.finding import Examined, Finding, Outcome, broken, remark
from ml_cicd.rollout.bounded import within
from ml_cicd.rollout.plan import Plan, forecast
from ml_cicd.rollout.ports import Clock
from ml_cicd.rollout.present import OnRecord, Traffic, disagreements, silent, to_finish, traffic_now
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.state import WHOLE, Counters, RouterView
from ml_cicd.rollout.users import groups_of, users_seen

T = TypeVar("T")
TYPICAL_RATE = 0.01
MEASURED_SECONDS = 2.0
PART_SECONDS = 6.0
LEAST_SECONDS = 0.2
LONGEST_LEASE = 1800.0  # of a tick; a run's own is shorter
CLOCKS_APART = 2.0
SILENT = "surroundings"
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


def target_findings(site: Site, plan: Plan, record: OnRecord | None, budget: Budget) -> tuple[Finding, ...]:
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
            *_counters(site, plan, budget),
            *_users(site, budget),
            _lease(site.place.target, view, traffic.clocks_apart),
            *_agreement(site, traffic, record),
        ]
    return (*found, *_slots(traffic, record), *around)


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


def _counters(site: Site, plan: Plan, budget: Budget) -> tuple[Finding, ...]:
    def measure() -> tuple[Mapping[str, Counters], Mapping[str, Counters], float]:
        before, began = site.source.read(), site.clock.now()
        site.clock.sleep(MEASURED_SECONDS)
        return before, site.source.read(), site.clock.now() - began

    try:
        before, after, seconds = budget.look("What counts the requests", measure)
    except Defect:
        raise
    except MlCicdError as problem:
        return (broken("counters", problem.what, problem.cure),)
    words = ", ".join(
        f"{slot} {c.requests:,} requests, {c.events.get('errors', 0):,} failed" for slot, c in sorted(after.items())
    )
    fresh = sum(max(0, after[slot].requests - before[slot].requests) for slot in after if slot in before)
    return _pass("counters", words), traffic_finding(plan, fresh / seconds if seconds > 0 else 0.0)


def _users(site: Site, budget: Budget) -> tuple[Finding, ...]:
    try:
        users = budget.look("What counts the users", lambda: users_seen(groups_of(site.source)))
    except Defect:
        raise
    except MlCicdError as problem:
        return (broken("users", problem.what, problem.cure),)
    sticky = f"sticky: the requests so far are worth about {users:,.0f} equally active users"
    return (_pass("users", sticky if users else "none is told, so each request counts by itself"),)


def traffic_finding(plan: Plan, rate: float) -> Finding:
    """Hold the traffic, in requests a second, against what the plan needs: steps add up, so that is an upper bound."""
    needs = forecast(plan, TYPICAL_RATE)
    if rate <= 0:
        what = f"No request came in {MEASURED_SECONDS:g} s; a rollout needs about {sum(needs):,} of the candidate's."
        return remark("traffic", what, "Without traffic no rollout ends by evidence.")
    seconds = sum(need * WHOLE / share / rate for need, share in zip(needs, plan.steps, strict=True))
    says = (
        f"{rate:,.1f} requests/s: at 1 % errors the steps need up to {seconds / 60:,.0f} min, "
        f"the deadline is {plan.deadline_seconds / 60:,.0f} min"
    )
    if seconds > plan.deadline_seconds:
        cure = "Set a longer canary.deadline, a wider margin, or fewer steps that start at a larger share."
        return remark("traffic", f"{says}.", cure)
    return _pass("traffic", says)


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
