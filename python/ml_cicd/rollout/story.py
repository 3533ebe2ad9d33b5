"""What happened in a rollout, for whoever reads its report: which one, what failed at which share, how sure."""

import math
from collections.abc import Iterator

from ml_cicd.ground.errors import OutsideError
from ml_cicd.ground.operation import Receipt
from ml_cicd.ground.report import Curve, Note, Section, Table
from ml_cicd.rollout.evidence import LOOKS_PER_STEP, Evidence, Look, added
from ml_cicd.rollout.guardrail import Guardrail
from ml_cicd.rollout.plan import Plan
from ml_cicd.rollout.ports import Witness
from ml_cicd.rollout.site import Site, utc
from ml_cicd.rollout.state import LAPSED, Decision, Observation, Reading, RolloutState, RouterView
from ml_cicd.rollout.times import MEDIAN, SLOW, Times, arms, span
from ml_cicd.stats.sequential import Counts

NORMAL_95 = 1.959963984540054
MOST_SHARES = 200
DESCRIPTIVE = (
    "The interval describes what was seen (95 %, Agresti-Caffo, independent requests). It decides nothing: the tests "
    "above may be looked at at any time, this interval may not."
)


def waits(look: Look) -> str:
    """Say what has to come before the next step or the promotion, and how long is left."""
    return "; ".join((*_lacks(look), f"deadline in {_long(look.plan.deadline_seconds - look.elapsed_seconds)}"))


def _lacks(look: Look) -> Iterator[str]:
    plan, evidence, step = look.plan, look.evidence, look.step
    if look.elapsed_seconds <= plan.warm_up_seconds:
        yield f"waits for the warm-up, {_long(plan.warm_up_seconds - look.elapsed_seconds)} left"
        return
    if look.mismatched:
        yield "waits for traffic to be split as it is written"
    if look.held:  # the line has said for what
        yield "waits for a look as it should be"
    proving = [guard for guard in plan.guardrails if guard.margins]
    if any(guard.safety(evidence.guards[guard.name], step) < 1 for guard in proving):
        has = sum(candidate for candidate, _ in evidence.per_step.values())
        needs = max(guard.requests_needed(step, _champion_rate(evidence, guard.name)) for guard in proving)
        yield f"waits for candidate requests, has {has:,}, needs about {max(needs, has + 1):,}"
    if evidence.looks.get(step, 0) < LOOKS_PER_STEP:
        yield f"waits for looks, has {evidence.looks.get(step, 0)}, needs {LOOKS_PER_STEP}"
    if look.at_last_step and look.elapsed_seconds < plan.minimum_duration_seconds:
        yield f"waits for the shortest duration, {_long(plan.minimum_duration_seconds - look.elapsed_seconds)} left"
    if look.at_last_step and evidence.requests[0] < plan.minimum_requests:
        yield f"waits for requests, has {evidence.requests[0]:,}, needs {plan.minimum_requests:,}"


def _champion_rate(evidence: Evidence, name: str) -> float:
    served = evidence.served[name]
    return min(0.5, served.xb / served.nb) if isinstance(served, Counts) and served.nb else 0.0


def _long(seconds: float) -> str:
    return f"{max(0.0, seconds):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def about(site: Site, state: RolloutState, observations: tuple[Observation, ...], receipt: Receipt | None) -> Table:
    """Return which rollout this is, whose, and when; the last write to the router is when traffic was where it is."""
    rows: list[tuple[str, str]] = [
        ("model", site.place.model),
        ("target", site.place.target),
        ("candidate", f"version {state.candidate.version}, {state.candidate.digest}"),
        ("champion", f"version {state.champion.version}, {state.champion.digest}"),
        ("who", site.actor or "unknown"),
        ("run", site.run_url or "not in a workflow"),
        ("rollout", state.run_id),
        ("began", utc(state.started_at)),
    ]
    if observations:
        rows.append(("last look", utc(state.started_at + observations[-1].at_seconds)))
    views = () if receipt is None else receipt.values(RouterView)
    if views:
        rows.append(("traffic where it is since", utc(views[-1].now)))
    return Table(title="This rollout", header=("what", "is"), rows=tuple(rows))


def failures(plan: Plan, observations: tuple[Observation, ...]) -> tuple[Table, ...]:
    """Return what both arms did at each share, guardrail by guardrail, the warm-up included; nothing of one that saw
    nothing.
    """
    return tuple(table for guard in plan.guardrails if observations for table in _by_share(plan, guard, observations))


def _by_share(plan: Plan, guard: Guardrail, observations: tuple[Observation, ...]) -> Iterator[Table]:
    sums: dict[int, Reading] = {}
    for seen in observations:
        sums[seen.step] = added(sums.get(seen.step, guard.nothing), seen.readings[guard.name])
    shares = [
        (
            "nothing to compare (lease over, champion down)" if step == LAPSED else f"{plan.steps[step] / 100:g} %",
            reading,
        )
        for step, reading in sorted(sums.items(), key=lambda item: (item[0] == LAPSED, item[0]))
    ]
    name, title = guard.name, f"{guard.name[:1].upper()}{guard.name[1:]} by share"
    counts = tuple((share, c.nc, c.xc, c.nb, c.xb) for share, c in shares if isinstance(c, Counts))
    if counts:
        header = ("share", "candidate requests", f"candidate {name}", "champion requests", f"champion {name}")
        yield Table(title=title, header=header, rows=counts)
    times = tuple((share, *_spans(t)) for share, t in shares if isinstance(t, Times) and t.buckets)
    if times:
        each = ("answers", "median", "95 %")
        heads = ("share", *(f"{arm} {what}" for arm in ("candidate", "champion") for what in each))
        yield Table(title=title, header=heads, rows=times)


def _spans(times: Times) -> tuple[int | str, ...]:
    both = zip(times.answers, arms(times), strict=True)
    return tuple(cell for count, numbers in both for cell in (count, span(numbers, MEDIAN), span(numbers, SLOW)))


def kinds(observations: tuple[Observation, ...]) -> tuple[Table, ...]:
    """Return how requests failed, the kind that the candidate has most of first; nothing where nobody counts that."""
    sums: dict[str, tuple[int, int]] = {}
    for seen in observations:
        for name, (candidate, champion) in seen.kinds.items():
            was = sums.get(name, (0, 0))
            sums[name] = (was[0] + candidate, was[1] + champion)
    found = sorted(sums.items(), key=lambda item: item[1], reverse=True)
    rows = tuple((name, *both) for name, both in found if any(both))
    return (Table(title="Kinds of failure", header=("kind", "candidate", "champion"), rows=rows),) if rows else ()


def example(site: Site, slot: str, state: RolloutState) -> tuple[Note, ...]:
    """Return one request of the candidate's that failed and one that it refused, where the source remembers them."""
    if not isinstance(site.source, Witness):
        return ()
    try:
        found = site.source.examples(slot, since=state.started_at)
    except OutsideError:
        return ()
    return tuple(Note(text=f"One of the candidate's failures: {one}.") for one in found)


def decision(plan: Plan, evidence: Evidence) -> tuple[Section, ...]:
    """Return how far apart the arms are: rates and their difference in percent, and the failures that it stands for."""
    rows = []
    for guard in plan.guardrails:
        counts = evidence.served[guard.name]
        if isinstance(counts, Counts) and counts.nc and counts.nb:
            low, high = difference_bounds(counts)
            rate, base = 100 * counts.xc / counts.nc, 100 * counts.xb / counts.nb
            excess = round(counts.xc - counts.nc * counts.xb / counts.nb, 1)
            rows.append((guard.name, rate, base, rate - base, 100 * low, 100 * high, excess))
    if not rows:
        return ()
    header = ("guardrail", "candidate", "champion", "difference", "from", "to", "excess")
    units = dict.fromkeys(header[1:6], "%")
    table = Table(title="How sure", header=header, rows=tuple(rows), units=units)
    found = (DESCRIPTIVE, *(f"{said[:1].upper()}{said[1:]}." for said in (*remarks(plan, evidence), *_users(evidence))))
    return table, *(Note(text=said) for said in found)


def remarks(plan: Plan, evidence: Evidence) -> tuple[str, ...]:
    """Return what a reader must know of the evidence beyond the counts."""
    found = (guard.remark(evidence.guards[guard.name]) for guard in plan.guardrails)
    return tuple(remark for remark in found if remark)


def _users(evidence: Evidence) -> Iterator[str]:
    if evidence.shares:
        users = evidence.shares[max(evidence.shares)].served.users
        yield f"users stay with one slot, and the requests of the last step are worth {users:,.0f} equally active ones"


def difference_bounds(counts: Counts) -> tuple[float, float]:
    """Return 95 % bounds of the difference of two rates (Agresti and Caffo 2000: one more of each kind in each arm)."""
    n, m = counts.nc + 2, counts.nb + 2
    p, q = (counts.xc + 1) / n, (counts.xb + 1) / m
    half = NORMAL_95 * math.sqrt(p * (1 - p) / n + q * (1 - q) / m)
    return max(-1.0, p - q - half), min(1.0, p - q + half)


def shares(plan: Plan, state: RolloutState, observations: tuple[Observation, ...]) -> tuple[Curve, ...]:
    """Return the candidate's share as time went by, from the beginning on; nothing before the first look."""
    every = -(-len(observations) // MOST_SHARES) or 1
    looks = tuple(
        (seen.at_seconds, 0.0 if seen.step == LAPSED else plan.steps[seen.step] / 100)
        for index, seen in enumerate(observations)
        if index % every == 0 or index == len(observations) - 1
    )
    if not looks:
        return ()
    began = () if looks[0][0] <= 0 else ((0.0, plan.steps[max(observations[0].step, 0)] / 100),)
    series = {f"version {state.candidate.version}": (*began, *looks)}
    return (Curve(title="Share of the candidate", x="seconds", y="% of traffic", series=series),)


def what_now(decided: Decision, target: str, state: RolloutState, *, down: str = "") -> str:
    """Say what to do, also where nothing has to be done; `down` says who answers where the champion is down."""
    version, again = state.candidate.version, f"ml-cicd canary --target {target} --candidate {state.candidate.version}"
    if decided is Decision.PROMOTE:
        return f"Nothing: version {version} serves. To undo it: `ml-cicd rollback --target {target}`."
    if down:
        back = f"ml-cicd rollback --target {target} --to"
        or_this = f"; or let version {version}, which is not proven, be the champion: `{back} {version}`"
        here = f"{down} Put version {state.champion.version} back there: `{back} champion`"
        return f"{here}{or_this if decided is Decision.INCONCLUSIVE else ''}."
    if decided is Decision.ROLLBACK:
        return (
            f"Nothing at once: version {state.champion.version} has all traffic. Look at what version {version} "
            f"answered; to try it again: `{again}`. docs/runbook.md says more."
        )
    if decided is Decision.INCONCLUSIVE:
        return (
            f"Nothing at once: version {state.champion.version} has all traffic. Try it again with a longer deadline, "
            f"a wider margin or fewer steps, or where there is more traffic: `{again}`."
        )
    return f"Let it go on: `{again} --mode tick` takes the next look."
