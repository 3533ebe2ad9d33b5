"""How long a rollout will take at the traffic that the router has now, by the formulas that decide it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ml_cicd.ground.errors import InputError
from ml_cicd.rollout.counting import difference
from ml_cicd.rollout.evidence import LOOKS_PER_STEP
from ml_cicd.rollout.guardrail import Window
from ml_cicd.rollout.guardrails.counted import WIDEST_MARGIN
from ml_cicd.rollout.plan import Plan, make_plan, unwatched
from ml_cicd.rollout.settings import LADDER, CanarySettings
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.state import WHOLE, Split
from ml_cicd.rollout.users import groups_of, requests_of, users_behind
from ml_cicd.stats.sequential import Counts

LOOKING_SECONDS = 5.0
SCARCE_PER_SECOND = 20.0  # below it the 1 % step takes half of a rollout
USUAL_RATE, USUAL_REQUESTS = 0.01, 50  # what a few requests are weighed against: they may hold no failure at all
SLACK = 1.5  # a deadline at the forecast itself is met by half of all rollouts: chance decides
LONGEST_DEADLINE_MINUTES = 7 * 24 * 60
WIDER = (1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0)

Fits = Callable[[CanarySettings, int], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What came in `seconds`: `requests`, and by its name the rate of each guardrail that counts; `unwatched` says in
    sentences which guardrails see nothing.

    `users` is how many equally active users may have sent the requests so far, endless where too few came to tell; 0
    where the source does not tell users. `alone` are the requests of no known user, each of which falls to an arm by
    itself.
    """

    seconds: float
    requests: int
    rates: Mapping[str, float]
    unwatched: tuple[str, ...] = ()
    users: float = 0.0
    alone: int = 0

    @property
    def fall(self) -> float:
        """How many fall to an arm, each by itself; 0 where all requests do, or where nobody can tell: none came."""
        return self.users + self.alone if self.users and self.requests else 0.0

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def words(self) -> str:
        """Say it."""
        rates = ", ".join(f"{rate:.2%} {name}" for name, rate in self.rates.items())
        about = f"about {self.users:,.0f} " if math.isfinite(self.users) else ""
        users = f" of {about}sticky users" if self.users else ""
        if users and self.requests and self.alone >= self.requests / 10:
            users += f" ({self.alone / self.requests:.0%} are of no known user)"
        return f"{self.per_second:.3g} requests/s{users} and {rates}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What one step needs: its index, its candidate requests, and the seconds that these take to come."""

    step: int
    requests: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """The steps of a rollout; `seconds` in all, endless without traffic.

    Each step is counted by itself, although evidence carries over to the next, so the sum is an upper bound of what an
    ideal test needs on average; ours needs about that. `passed_over`: the first steps, for want of users.
    """

    traffic: Traffic
    stages: tuple[Stage, ...]
    seconds: float
    deadline_seconds: float
    passed_over: bool = False

    @property
    def in_time(self) -> bool:
        """Whether it ends before its deadline."""
        return self.seconds <= self.deadline_seconds


def measure(site: Site, plan: Plan, split: Split, *, seconds: float = LOOKING_SECONDS) -> Traffic:
    """Count for a few seconds what the router serves now, before a candidate has any of it."""
    before, known = site.source.read(), requests_of(groups_of(site.source))
    site.clock.sleep(seconds)
    windows, _ = difference(before, site.source.read(), (split.idle, split.serving))
    groups = groups_of(site.source)
    quiet = Window(requests=0)
    idle, serving = windows or (quiet, quiet)
    requests = idle.requests + serving.requests
    seen = {guard.name: guard.reading(idle, serving) if windows else guard.nothing for guard in plan.guardrails}
    rates = {
        name: (c.xc + c.xb + USUAL_RATE * USUAL_REQUESTS) / (c.nc + c.nb + USUAL_REQUESTS)
        for name, c in seen.items()
        if isinstance(c, Counts)
    }
    return Traffic(
        seconds=seconds,
        requests=requests,
        rates=rates,
        unwatched=unwatched(plan, seen, requests),
        users=users_behind(groups),
        alone=max(0, requests - max(0, requests_of(groups) - known)),
    )


def first_with_users(steps: tuple[int, ...], users: float) -> int:
    """Return the first step whose share is worth a user: one that nobody falls to protects nobody, and only waits."""
    enough = (index for index, share in enumerate(steps) if share * users >= WHOLE)
    return next(enough, len(steps) - 1) if users else 0


def first_step(settings: CanarySettings, traffic: Traffic) -> int:
    """Return the step to begin with: the default ladder leaves out its first one where traffic is scarce, and every
    ladder those that hardly any user falls to.

    The other steps keep their index and their margin, so a rollout goes on under the same plan, whatever the traffic
    is by then. A ladder that the configuration writes is used as it is, even where it is the same: it is another tuple.
    """
    scarce = settings.steps is LADDER and traffic.per_second < SCARCE_PER_SECOND
    return max(int(scarce), first_with_users(settings.steps, traffic.fall))


def forecast(plan: Plan, traffic: Traffic, *, first: int, interval_seconds: float) -> Forecast:
    """Return what each step from `first` on needs, and the time in all."""
    stages = tuple(_stage(plan, traffic, step, interval_seconds) for step in range(first, len(plan.steps)))
    seconds = max(plan.minimum_duration_seconds, plan.warm_up_seconds + sum(stage.seconds for stage in stages))
    return Forecast(
        traffic=traffic,
        stages=stages,
        seconds=seconds,
        deadline_seconds=plan.deadline_seconds,
        passed_over=0 < first <= first_with_users(plan.steps, traffic.fall),
    )


def _stage(plan: Plan, traffic: Traffic, step: int, interval_seconds: float) -> Stage:
    needed = max(guard.requests_needed(step, traffic.rates.get(guard.name, 0.0)) for guard in plan.guardrails)
    arriving = traffic.per_second * plan.steps[step] / WHOLE
    coming = needed / arriving if arriving else math.inf
    return Stage(step=step, requests=needed, seconds=max(coming, LOOKS_PER_STEP * interval_seconds))


def too_slow(settings: CanarySettings, found: Forecast, *, first: int, interval_seconds: float) -> InputError:
    """Say that a rollout cannot end before its deadline, and the ways out, each with its number."""
    traffic = found.traffic
    anyway = "Or begin anyway: --allow-inconclusive true."
    if not traffic.requests:
        return InputError(
            f"No request came in {traffic.seconds:g} s, so there is nothing to compare the candidate by.",
            cure=f"Begin when there is traffic, and check that the metric source counts it. {anyway}",
        )

    def fits(changed: CanarySettings, at: int) -> bool:
        plan = make_plan(changed, deadline_seconds=found.deadline_seconds)
        return forecast(plan, traffic, first=at, interval_seconds=interval_seconds).in_time

    longer = math.ceil(SLACK * found.seconds / 60)
    ways = (
        f"a deadline of {longer} minutes (--deadline-minutes {longer})"
        if longer <= LONGEST_DEADLINE_MINUTES
        else "no deadline of at most 7 days would do",
        _wider_margin(settings, fits, first),
        _fewer_steps(settings, fits, first),
    )
    return InputError(
        f"At {traffic.words} this rollout takes about {minutes(found.seconds)} minutes, and its deadline comes after "
        f"{minutes(found.deadline_seconds)}.",
        cure=f"Ways out: {'; '.join(ways)}. {anyway}",
    )


def _wider_margin(settings: CanarySettings, fits: Fits, first: int) -> str:
    for factor in WIDER:
        guards = {name: _widened(guard, factor) for name, guard in settings.guardrails.items()}
        if fits(replace(settings, guardrails=guards), first):
            margins = ", ".join(f"{name} {guard.margin:g}" for name, guard in guards.items() if _has_margin(guard))
            return f"a wider margin ({margins})"
    return "no wider margin would do"


def _has_margin(guard: Any) -> bool:  # noqa: ANN401  # the settings of any guardrail
    return any(field.name == "margin" for field in fields(guard))


def _widened(guard: Any, factor: float) -> Any:  # noqa: ANN401  # the settings of any guardrail
    if not _has_margin(guard):
        return guard
    return replace(guard, margin=min(factor * guard.margin, WIDEST_MARGIN * 0.99))


def _fewer_steps(settings: CanarySettings, fits: Fits, first: int) -> str:
    for drop in range(first + 1, len(settings.steps)):
        left = settings.steps[drop:]
        if fits(replace(settings, steps=left), 0):
            return f"fewer steps (canary.steps: [{', '.join(f'{share / 100:g}' for share in left)}])"
    return "no fewer steps would do"


def minutes(seconds: float) -> str:
    """Return seconds as minutes for people."""
    if math.isinf(seconds):
        return "endless"
    return f"{seconds / 60:.0f}" if seconds >= 600 else f"{seconds / 60:.1f}"
