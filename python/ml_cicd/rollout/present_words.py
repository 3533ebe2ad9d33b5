"""How `status` reads: what router, slots and a rollout under way say, for a person who was woken up."""

from ml_cicd.ground.errors import MlCicdError
from ml_cicd.rollout.evidence import replay
from ml_cicd.rollout.plan import Plan
from ml_cicd.rollout.present import UNSAVED, OnRecord, Traffic
from ml_cicd.rollout.site import Place, utc
from ml_cicd.rollout.state import Counters, Phase, RolloutState, RouterView
from ml_cicd.rollout.words import evidence_words, served_words

Row = tuple[str, str]


def traffic_rows(traffic: Traffic, plan: Plan, *, same_plan: bool, gone: bool = False) -> tuple[Row, ...]:
    """Return what router and slots say.

    `same_plan`: the rollout is held to the plan that is configured now; `gone`: its last process has ended.
    """
    rows: list[Row] = []
    view = traffic.view
    if view is None:
        rows.append(("router", str(traffic.problem)))
    else:
        rows += [
            ("now", utc(view.now)),
            ("router", f"{_split_words(view)}{f'. {traffic.down}' if traffic.down else ''}"),
        ]
        if view.unsaved:
            rows.append(("files", f"{UNSAVED}: {view.unsaved}"))
            if view.state is not None:
                rows.append(("rollout", f"not certain: the files speak of {view.state.run_id} ({view.state.phase})"))
        elif view.state is not None:
            rows += _rollout_rows(traffic, view, view.state, plan if same_plan else None)
            if gone and view.state.open:
                killed = "it was killed" if view.state.phase is Phase.DEPLOYING else "it was a tick, or was killed"
                rows.append(("its process", f"has ended on this machine: {killed}"))
    for slot, found in traffic.slots.items():
        release = found.release
        says = found.problem.rstrip(".") or f"version {release.version} ({release.digest[:19]})"
        reaches = "" if slot not in traffic.counters else _reaches(traffic.counters[slot])
        rows.append((f"slot {slot}", f"{says}{reaches}"))
    return tuple(rows)


def _reaches(found: Counters) -> str:
    return "; the router reaches it" if found.reachable else "; the router does not reach it"


def record_rows(place: Place, record: OnRecord | None, problem: MlCicdError | None) -> tuple[Row, ...]:
    """Return what the registry says, or why it could not be asked."""
    if record is None:
        return (("registry", f"not known: {problem}"),)
    return (
        ("champion by the ledger", record.ledger.champion or "none"),
        (f"alias {place.alias}", record.alias or "names nothing"),
    )


def _split_words(view: RouterView) -> str:
    split = view.split
    if view.share:
        return f"slot {split.serving} serves, {view.share / 100:g} % to slot {split.idle}"
    lapsed = f" (a lease for {split.percent} has ended)" if split.threshold else ""
    return f"slot {split.serving} serves alone, slot {split.idle} is idle{lapsed}"


def _rollout_rows(traffic: Traffic, view: RouterView, state: RolloutState, plan: Plan | None) -> list[Row]:
    began = f"began {utc(state.started_at)}"
    if not state.open:
        why = f": {state.reason}" if state.reason else ""
        return [("last rollout", f"{state.run_id} ({began}) {state.phase.value.replace('_', ' ')}{why}")]
    over = f"version {state.candidate.version} over {state.champion.version or 'nothing'}"
    rows = [("rollout", f"{state.run_id} {state.phase.value}: {over}, {began}")]
    if state.phase is Phase.RUNNING:
        rows += _evidence_rows(traffic, state, plan)
        end = state.started_at + state.deadline_seconds
        rows.append(("deadline", f"{_left(end - view.now)}, at {utc(end)}"))
    rows.append(("lease", f"{_left(view.split.lease - view.now)}, at {utc(view.split.lease)}"))
    rows.append(("run by", ", ".join(filter(None, (state.actor, state.run_url))) or "nobody wrote it down"))
    return rows


def _evidence_rows(traffic: Traffic, state: RolloutState, plan: Plan | None) -> list[Row]:
    last = "no look yet"
    if traffic.seen and traffic.view is not None:
        at = state.started_at + traffic.seen[-1].at_seconds
        last = f"{utc(at)}, {traffic.view.now - at:.0f} s ago"
    rows = [("last look", last)]
    if traffic.problem is not None:
        return [("evidence", f"not known: {traffic.problem}")]
    if plan is None or state.step > plan.last_step:
        return [("evidence", "the configuration is not the one that the rollout began under"), *rows]
    evidence = replay(plan, traffic.seen)
    step = f"{state.step + 1} of {len(plan.steps)} ({plan.steps[state.step] / 100:g} %)"
    served = served_words(plan, evidence, state.candidate.version, state.champion.version)
    words = f"{evidence_words(plan, evidence, state.step)}; {served}"
    return [("step", step), ("evidence", words), *rows]


def _left(seconds: float) -> str:
    """Say how long is left."""
    if seconds <= 0:
        return "over"
    return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"
