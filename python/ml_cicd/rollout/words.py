"""How a rollout reads: lines while it runs, and the tables, curves and timelines of its report."""

import math
from collections.abc import Mapping

from ml_cicd.ground.report import Curve, Note, Section, Table, Timeline
from ml_cicd.rollout.evidence import QUIET, Evidence, Look, harm_log_e, plus
from ml_cicd.rollout.forecast import Forecast, minutes
from ml_cicd.rollout.guardrails.errors import FAILED
from ml_cicd.rollout.plan import Plan, unwatched
from ml_cicd.rollout.site import utc
from ml_cicd.rollout.state import LAPSED, Observation, RolloutState, Split
from ml_cicd.rollout.state_text import reading_data
from ml_cicd.rollout.story import remarks, waits
from ml_cicd.stats.sequential import Counts

MOST_POINTS = 40
ONE_LOOK = "No arm was looked at twice, so there is no curve of its failures: the tables above have all that was seen."


def plan_line(plan: Plan, state: RolloutState, found: Forecast) -> str:
    """Say what a rollout that begins will need."""
    shares = {stage.step: f"{plan.steps[stage.step] / 100:g} %" for stage in found.stages}
    needs = ", ".join(f"{shares[s.step]}: {s.requests:,} in {minutes(s.seconds)} min" for s in found.stages)
    return (
        f"Version {state.candidate.version} over {state.champion.version}. {forecast_words(found)} "
        f"Candidate requests needed: {needs}."
    )


def forecast_words(found: Forecast) -> str:
    """Say how long it takes, and whether a step is left out."""
    first = found.stages[0].step if found.stages else 0
    why = "hardly any user falls to it" if found.passed_over else "traffic is scarce"
    left_out = f" {'The first step is' if first == 1 else f'{first} steps are'} left out: {why}." if first else ""
    unseen = "".join(f" {why}" for why in found.traffic.unwatched)
    return (
        f"About {minutes(found.seconds)} minutes at {found.traffic.words}, each step counted by itself; "
        f"the deadline comes after {minutes(found.deadline_seconds)}.{left_out}{unseen}"
    )


def look_line(look: Look, split: Split, *, at: float, down: str = "") -> str:
    """Say what one look has seen at a time (epoch seconds), and what it waits for; `down` says that the champion is."""
    (nc, nb), failed = look.evidence.requests, _failed(look.evidence)
    candidate = f"candidate {nc:,} requests" + (f", {failed.xc:,} failed" if failed else "")
    champion = f"champion {nb:,}" + (f", {failed.xb:,}" if failed else "")
    return (
        f"{utc(at)}  {look.elapsed_seconds:5.0f} s  step {look.step + 1} of {len(look.plan.steps)}, "
        f"{split.percent:>5}  {candidate}; {champion}; {evidence_words(look.plan, look.evidence, look.step)}; "
        f"{waits(look)}{f'. {down} There is nothing to compare with.' if down else ''}"
    )


def _failed(evidence: Evidence) -> Counts | None:
    """Return the failures so far; None where nobody watches them."""
    counts = evidence.served.get(FAILED.name)
    return counts if isinstance(counts, Counts) else None


def evidence_words(plan: Plan, evidence: Evidence, step: int) -> str:
    """Say how far the tests are, as percentages of what they need: the one of harm, and the slowest one of safety."""
    harm = max(0.0, harm_log_e(plan, evidence)) / plan.harm_cap
    safe = min(max(0.0, guard.safety(evidence.guards[guard.name], step)) for guard in plan.guardrails)
    proven = math.floor(100 * min(safe, 1))  # 100 only once it is
    return "; ".join((f"evidence of harm {min(harm, 1):.0%}, of safety {proven}%", *remarks(plan, evidence)))


def served_words(plan: Plan, evidence: Evidence, candidate: str, champion: str) -> str:
    """Say what both arms did, guardrail by guardrail."""
    return "; ".join(g.served_words(evidence.served[g.name], candidate, champion) for g in plan.guardrails)


def evidence_table(plan: Plan, evidence: Evidence) -> Table:
    """Return what each step has shown so far."""
    rows = tuple(
        (
            share / 100,
            *(guard.margins[index] for guard in plan.guardrails if guard.margins),
            *evidence.per_step.get(index, (0, 0)),
            evidence.looks.get(index, 0),
        )
        for index, share in enumerate(plan.steps)
    )
    return Table(
        title="Evidence by step (without the warm-up)",
        header=("share", *_margins(plan), "candidate requests", "all requests", "looks"),
        rows=rows,
        units={"share": "%"},
    )


def plan_table(plan: Plan, found: Forecast) -> tuple[Section, ...]:
    """Return what each step will need, and how long that takes."""
    rows = tuple(
        (
            plan.steps[stage.step] / 100,
            *(guard.margins[stage.step] for guard in plan.guardrails if guard.margins),
            stage.requests,
            None if math.isinf(stage.seconds) else round(stage.seconds / 60, 1),
        )
        for stage in found.stages
    )
    header = ("share", *_margins(plan), "candidate requests needed", "minutes")
    return (
        Table(title="Plan", header=header, rows=rows, units={"share": "%"}),
        Note(text=forecast_words(found)),
    )


def _margins(plan: Plan) -> tuple[str, ...]:
    names = [guard.name for guard in plan.guardrails if guard.margins]
    return ("margin",) if len(names) == 1 else tuple(f"margin of {name}" for name in names)


def pictures(plan: Plan, state: RolloutState, observations: tuple[Observation, ...]) -> tuple[Section, ...]:
    """Return when each step began, and how often both arms failed as time went by; nothing before the first look."""
    if not observations:
        return ()
    moments = [(utc(state.started_at), f"version {state.candidate.version} begins over {state.champion.version}")]
    step = None
    for seen in observations:
        if seen.step not in {step, LAPSED}:
            step = seen.step
            moments.append((utc(state.started_at + seen.at_seconds), f"first look at {plan.steps[step] / 100:g} %"))
    if len(observations) > 1:
        moments.append((utc(state.started_at + observations[-1].at_seconds), "last look"))
    curves: tuple[Section, ...] = _curves(plan, state, observations) or (Note(text=ONE_LOOK),)
    return (Timeline(title="Rollout", moments=tuple(moments)), *curves)


def _curves(plan: Plan, state: RolloutState, observations: tuple[Observation, ...]) -> tuple[Curve, ...]:
    found = []
    for guard in plan.guardrails:
        names = (f"version {state.candidate.version}", f"version {state.champion.version}")
        read = ((seen.at_seconds, seen.readings[guard.name]) for seen in observations)
        points = _rates(tuple((at, counts) for at, counts in read if isinstance(counts, Counts)))
        series = {name: line for name, line in zip(names, points, strict=True) if len(line) > 1}
        if series:
            title = f"{guard.name[:1].upper()}{guard.name[1:]} so far"
            found.append(Curve(title=title, x="seconds", y="% of requests", series=series))
    return tuple(found)


def _rates(readings: tuple[tuple[float, Counts], ...]) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Return both arms' shares so far in percent, at `MOST_POINTS` moments at most."""
    every = -(-len(readings) // MOST_POINTS) or 1
    total = QUIET
    candidate: list[tuple[float, float]] = []
    champion: list[tuple[float, float]] = []
    for index, (at, counts) in enumerate(readings):
        total = plus(total, counts)
        if index % every and index != len(readings) - 1:
            continue
        if total.nc:
            candidate.append((at, 100 * total.xc / total.nc))
        if total.nb:
            champion.append((at, 100 * total.xb / total.nb))
    return tuple(candidate), tuple(champion)


def details(plan: Plan, evidence: Evidence, state: RolloutState, seen: tuple[Observation, ...]) -> Mapping[str, object]:
    """Return what a later replay of the decision needs: a row for each look, seconds and step first."""
    failed = _failed(evidence)
    return {
        "run_id": state.run_id,
        "candidate": state.candidate.version,
        "champion": state.champion.version,
        "plan_digest": state.plan_digest,
        "bad_requests": 0 if failed is None else failed.xc,
        "candidate_requests": evidence.requests[0],
        "guardrails": [guard.name for guard in plan.guardrails],
        "observations": [
            [o.at_seconds, o.step, *(reading_data(o.readings[guard.name]) for guard in plan.guardrails)] for o in seen
        ],
        "requests": [list(o.ended) for o in seen],
        **({"groups": [list(o.groups) for o in seen]} if any(o.groups for o in seen) else {}),
    }


def unseen(plan: Plan, evidence: Evidence) -> tuple[Note, ...]:
    """Return what was not watched, and how to watch it."""
    found = unwatched(plan, evidence.served, sum(evidence.requests))
    return tuple(Note(text=why) for why in found)
