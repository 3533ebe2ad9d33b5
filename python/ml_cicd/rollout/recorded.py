"""A verdict repeated from what was recorded: the same observations give the same decision and the same words."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ml_cicd.ground.errors import EvidenceError, Exit, InputError, IntegrityError
from ml_cicd.ground.parse import as_integer, as_list, as_mapping, as_number, as_text, optional, required
from ml_cicd.ground.report import Note, Report
from ml_cicd.rollout.ending import CODES
from ml_cicd.rollout.evidence import Look, decide, replay
from ml_cicd.rollout.plan import make_plan, plan_digest
from ml_cicd.rollout.settings import CanarySettings
from ml_cicd.rollout.state import LAPSED, Decision, Observation
from ml_cicd.rollout.state_text import load_looks
from ml_cicd.rollout.words import evidence_table, served_words
from ml_cicd.settings import Chosen

COMMAND = "canary-replay"  # a name, and so a folder, of its own: the report that it reads stays
CURE = "Give the report.json of a canary, or the file of looks beside the router's state."


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What a run left: observations, the moment it decided at, and what it said then (None in a file of looks)."""

    looks: tuple[Observation, ...]
    step: int
    elapsed_seconds: float
    deadline_seconds: float
    candidate: str = "of the candidate"
    champion: str = "of the champion"
    plan_digest: str = ""
    said: tuple[str, str] | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def read_recorded(text: str, where: str, *, deadline_seconds: float) -> Recorded:
    """Read a canary's report, or lines of looks, which know neither the deadline nor the versions.

    Raises:
        InputError: it is neither. CorruptState: a look in it is not one.
    """
    try:
        data = json.loads(text)
    except ValueError:
        data = None  # several lines, each a look
    if isinstance(data, Mapping) and "details" in data:
        return _report(data, where)
    looks = load_looks(text, text.count("\n"), where, cure=CURE)
    judged = [seen.step for seen in looks if seen.step != LAPSED]
    if not judged:
        raise InputError(f"{where} holds no look at any step.", cure=CURE)
    at = looks[-1].at_seconds
    return Recorded(looks=looks, step=judged[-1], elapsed_seconds=at, deadline_seconds=deadline_seconds)


def _report(data: Mapping[str, object], where: str) -> Recorded:
    details = required(data, "details", as_mapping, where)
    if "decided" not in details:
        raise InputError(f"{where} is no report of a canary that looked at anything.", cure=CURE)
    decided = required(details, "decided", as_mapping, where)
    names = [as_text(name, where) for name in required(details, "guardrails", as_list, where)]
    rows = [as_list(row, where) for row in required(details, "observations", as_list, where)]
    groups = optional(details, "groups", as_list, where) or [[]] * len(rows)  # only where the source tells users
    if len(groups) != len(rows) or any(len(row) != 2 + len(names) for row in rows):
        raise InputError(f"{where} has looks that are not whole.", cure=CURE)
    lines = [
        json.dumps(
            {
                "at": row[0],
                "step": row[1],
                **ended,
                "readings": dict(zip(names, row[2:], strict=True)),
                "groups": found,
            }
        )
        + "\n"
        for row, ended, found in zip(rows, _requests(details, len(rows), where), groups, strict=True)
    ]
    return Recorded(
        looks=load_looks("".join(lines), len(lines), where, cure=CURE),
        step=required(decided, "step", as_integer, where),
        elapsed_seconds=required(decided, "elapsed_seconds", as_number, where),
        deadline_seconds=required(decided, "deadline_seconds", as_number, where),
        candidate=required(details, "candidate", as_text, where),
        champion=required(details, "champion", as_text, where),
        plan_digest=required(details, "plan_digest", as_text, where),
        said=(required(decided, "decision", as_text, where), required(decided, "reason", as_text, where)),
        details=details,
    )


def _requests(details: Mapping[str, object], rows: int, where: str) -> list[Mapping[str, object]]:
    """Return the requests of each look; an earlier version did not write them."""
    if "requests" not in details:
        return [{}] * rows
    found = required(details, "requests", as_list, where)
    if len(found) != rows:
        raise InputError(f"{where} has the requests of {len(found)} looks, and {rows} looks.", cure=CURE)
    return [{"requests": pair} for pair in found]


def repeat(settings: CanarySettings, sources: Iterable[Chosen | None], recorded: Recorded) -> Report:
    """Decide again, under the plan of the configuration; `sources` are its targets' own ones.

    Raises:
        InputError: it was recorded under another configuration. IntegrityError: the report says something else.
    """
    if recorded.plan_digest not in {"", *(plan_digest(settings, metrics) for metrics in sources)}:
        raise InputError(
            "This was recorded under another canary configuration, or by a version of ml-cicd with other guardrails.",
            cure="Give the configuration of that run, and use the version that wrote it.",
        )
    plan = make_plan(settings, deadline_seconds=recorded.deadline_seconds)
    names = {guard.name for guard in plan.guardrails}
    steps = range(len(plan.steps))
    strange = any(seen.step not in {LAPSED, *steps} or set(seen.readings) != names for seen in recorded.looks)
    if recorded.step not in steps or strange:
        raise EvidenceError("The looks are not of this plan.", cure="Give the configuration of that run.")
    evidence = replay(plan, recorded.looks)
    look = Look(plan=plan, evidence=evidence, step=recorded.step, elapsed_seconds=recorded.elapsed_seconds)
    found = decide(look)
    decision = found.decision if found.ends else Decision.HOLD
    words = served_words(plan, evidence, recorded.candidate, recorded.champion)
    reason = f"{found.reason} ({words})" if found.ends else found.reason
    if recorded.said is not None and recorded.said != (decision.value, reason):
        raise IntegrityError(
            f"The observations lead to {decision.value} ({reason}), but the report says {recorded.said[0]} "
            f"({recorded.said[1]}).",
            cure="Use the version of ml-cicd that wrote it; if it is this one, the report was changed.",
        )
    return Report(
        command=COMMAND,
        exit_code=CODES[decision] if found.ends else Exit.DONE,
        headline=f"Replayed: {decision.value}: {reason}.",
        sections=(evidence_table(plan, evidence), Note(text="A replay of what was recorded; nothing was touched.")),
        outputs={
            "decision": decision.value,
            "share": "100" if decision is Decision.PROMOTE else "0",
            "rolled-back": "false",
            "reason": reason,
        },
        details=recorded.details,
    )
