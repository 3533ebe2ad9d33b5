"""What serves, what is under way, and the history; `at` answers what served at a time, `export` an auditor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_cicd.config import Config
from ml_cicd.ground.errors import Defect, Exit, InputError, MlCicdError
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.parse import suggest
from ml_cicd.ground.report import Document, Note, Report, Table
from ml_cicd.registry.audit import AuditLine, as_csv, as_json, audit
from ml_cicd.registry.chain import breaks
from ml_cicd.registry.ledger import Ledger, LedgerEntry
from ml_cicd.rollout.plan import make_plan, plan_digest
from ml_cicd.rollout.present import (
    OnRecord,
    Traffic,
    disagreements,
    on_record,
    record_seconds,
    silent,
    to_finish,
    traffic_now,
)
from ml_cicd.rollout.present_words import record_rows, traffic_rows
from ml_cicd.rollout.site import Place, Site
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {
    "champion": "Version that serves (or served at the time asked for) by the ledger, or by its slot where the ledger "
    "does not answer; empty for none.",
    "share": "The candidate's share in percent now.",
    "export": "Path of the file that an export wrote; empty without one.",
}
ON_ERROR: Mapping[str, str] = {}
SHOWN = 50
SHORT = 19  # characters of a digest that people compare; an export has all of it
NOTHING_YET = "nothing was promoted yet."
RUNBOOK_WORDS = "docs/runbook.md says what to type."


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `status`."""

    target: str = option("Name of the target in the configuration; empty when there is only one.")
    at: str = option("Time to look back to, ISO 8601, e.g. 2026-11-23T14:00:00Z; without a zone it is UTC.")
    history: bool = option("Say what happened instead, newest first, registrations too.", default=False)
    limit: str = option("The most entries that a history shows.", default="50")
    export: str = option(
        "Write all entries to a file for an audit; of all targets unless one is named.", choices=("csv", "json")
    )
    registry_uri: str = option("Registry; empty for the configuration's.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What router and slots say, also as rows, and what the registry says, or why it cannot."""

    traffic: Traffic
    rows: tuple[tuple[str, str], ...]
    record: OnRecord | None
    problem: MlCicdError | None

    @property
    def exit_code(self) -> Exit:
        """What did not answer decides; a registry that nobody named is a matter of the configuration."""
        if self.traffic.problem is not None:
            return Exit.OUTSIDE
        if self.problem is None:
            return Exit.DONE
        return Exit.INPUT if isinstance(self.problem, InputError) else Exit.OUTSIDE


def run(inputs: Inputs, world: World) -> Report:
    """Ask router and slots first, then the registry, once; what does not answer hides nothing of what does."""
    moment = parse_time(inputs.at) if inputs.at else None
    most = parse_limit(inputs.limit)
    config = world.config(inputs.config, required=True)
    if inputs.history or inputs.export:
        return _audited(inputs, world, config, most)
    site = world.site(config, target=inputs.target, registry_uri=inputs.registry_uri)
    if moment is not None:
        return _past(site, site.history(), moment, inputs.at)
    traffic = traffic_now(site)
    plan = make_plan(config.canary, deadline_seconds=config.canary.deadline)
    state = None if traffic.view is None else traffic.view.state
    same = state is not None and state.plan_digest == plan_digest(
        config.canary, config.targets[site.place.target].metrics
    )
    gone = state is not None and world.is_gone(state.owner)
    rows = traffic_rows(traffic, plan, same_plan=same, gone=gone)
    for what, says in rows:
        site.say(f"{what}: {says}")  # at once: the registry may take its time
    record, problem = None, None
    try:
        record = on_record(site, record_seconds(config.registry_uri(inputs.registry_uri)))
    except Defect:
        raise
    except MlCicdError as found:  # an address that is not given too: it hides nothing of what serves
        problem = found
    return _present(site.place, Told(traffic=traffic, rows=rows, record=record, problem=problem))


def parse_time(text: str) -> datetime:
    """Read a time; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise InputError(f"Input 'at' is {text!r}.", cure="Write e.g. 2026-11-23T14:00:00Z.") from problem
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def parse_limit(text: str) -> int:
    """Read how many entries are shown."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise InputError(f"Input 'limit' is {text!r}.", cure="Write a number from 1.")
    return int(text)


def serving_at(ledger: Ledger, moment: datetime) -> LedgerEntry | None:
    """Return the last entry that was written by `moment`."""
    past = [entry for entry in ledger.entries if parse_time(entry.at) <= moment]
    return past[-1] if past else None


def history(ledger: Ledger) -> Table:
    """Return the newest entries, newest first."""
    rows = tuple(
        (e.at, e.op.value, e.candidate, e.champion, e.actor, e.reason) for e in reversed(ledger.entries[-SHOWN:])
    )
    header = ("when", "what", "version", "serves after", "who", "why")
    how_many = "the newest" if ledger.earlier else f"{len(ledger.entries)} entries"
    return Table(title=f"History ({how_many})", header=header, rows=rows)


def _past(site: Site, ledger: Ledger, moment: datetime, text: str) -> Report:
    entry = serving_at(ledger, moment)
    champion = entry.champion if entry else ""
    headline = (
        f"{site.place.model}: version {champion} served at {text} (since {entry.at}: {entry.op.value})."
        if entry
        else f"{site.place.model}: nothing served at {text}."
    )
    outputs = {"champion": champion, "share": "", "export": ""}
    return Report(
        command="status", exit_code=Exit.DONE, headline=headline, sections=(history(ledger),), outputs=outputs
    )


def _audited(inputs: Inputs, world: World, config: Config, most: int) -> Report:
    """Ask the registry alone."""
    if inputs.at:
        raise InputError("Both a time and all of the history are asked for.", cure="Leave out 'at'.")
    if inputs.target and inputs.target not in config.targets:
        raise InputError(f"There is no target {inputs.target!r}.", cure=suggest(inputs.target, config.targets))
    name = config.model_name("")
    records = world.records(config.registry_uri(inputs.registry_uri))
    ledger = records.ledger.read(name)
    ledger = ledger.of(inputs.target) if inputs.target else ledger
    lines = audit(ledger, records.registry.snapshot(name))
    documents = _exported(name, inputs.export, lines)
    told = f"{documents[0].name} has them all" if documents else f"the newest {most} are shown"
    told = told if documents or len(lines) > most else "all are shown"
    return Report(
        command="status",
        exit_code=Exit.DONE,
        headline=f"{name}: {len(lines)} entries, {told}.",
        outputs={"champion": _one_champion(ledger), "share": "", "export": ""},
        sections=(audit_table(lines[-most:]),),
        documents=documents,
    )


def _one_champion(ledger: Ledger) -> str:
    """Return what serves by the ledger; with several targets that is no one version."""
    targets = {entry.target for entry in ledger.entries}
    return ledger.champion or "" if len(targets) == 1 else ""


def _exported(name: str, form: str, lines: tuple[AuditLine, ...]) -> tuple[Document, ...]:
    if not form:
        return ()
    text = as_csv(lines) if form == "csv" else as_json(name, lines)
    return (Document(output="export", name=f"ledger.{form}", text=text),)


def audit_table(lines: tuple[AuditLine, ...]) -> Table:
    """Return who put what over what, newest first; a registration moves nothing."""
    rows = tuple(
        (e.at, e.event, e.target, e.version, e.before, e.after, e.actor, e.verdict_digest[:SHORT], e.run_url, e.reason)
        for e in reversed(lines)
    )
    header = ("when", "what", "target", "version", "over", "serves after", "who", "verdict", "run", "why")
    return Table(title="History", header=header, rows=rows)


def _present(place: Place, told: Told) -> Report:
    traffic, record, problem = told.traffic, told.record, told.problem
    missed = silent(traffic, record)
    down = (traffic.down,) if traffic.down and (missed or traffic.serving) else ()  # an empty target is no problem
    torn = () if record is None else breaks(record.ledger)
    by_hand = tuple(f"The ledger: {found.what}" for found in torn if found.open)
    apart = (*missed.values(), *down, *disagreements(place, traffic, record), *by_hand)
    past = tuple(f"The ledger: {found.what}" for found in torn if not found.open)
    unknown = tuple(f"{what}: {why}" for what, why in (("Router", traffic.problem), ("Registry", problem)) if why)
    now = Table(title="Now", header=("what", "is"), rows=(*told.rows, *record_rows(place, record, problem)))
    known = () if record is None else (history(record.ledger),)
    by_ledger = "" if record is None else record.ledger.champion or ""
    view, finish = traffic.view, to_finish(place, traffic, record)
    return Report(
        command="status",
        exit_code=told.exit_code if not apart else Exit.OUTSIDE,
        headline=_headline(place.model, traffic.serving or by_ledger, (*unknown, *apart)),
        cure=f"To finish: {finish}" if finish else f"Run `ml-cicd doctor`; {RUNBOOK_WORDS}" if apart or unknown else "",
        sections=(now, *known, *(Note(text=note) for note in (*unknown, *apart, *past))),
        outputs={
            "champion": traffic.serving if record is None else by_ledger,
            "share": "" if view is None else f"{view.share / 100:g}",
            "export": "",
        },
    )


def _headline(model: str, serving: str, notes: tuple[str, ...]) -> str:
    what = f"version {serving} serves." if serving else "nobody can tell what serves." if notes else NOTHING_YET
    return " ".join((f"{model}: {what}", *notes))


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run)
