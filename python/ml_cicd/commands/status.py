"""What serves, what is under way, and the history; `at` answers what served at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_cicd.ground.errors import Exit, InputError, OutsideError
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.report import Note, Report, Table
from ml_cicd.registry.ledger import Ledger, LedgerEntry
from ml_cicd.rollout.site import Site
from ml_cicd.rollout.state import RolloutState
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {
    "champion": "Version that serves (or served at the time asked for) by the ledger; empty for none.",
    "share": "The candidate's share in percent now.",
}
ON_ERROR: Mapping[str, str] = {}
SHOWN = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `status`."""

    target: str = option("Name of the target in the configuration; empty when there is only one.")
    at: str = option("Time to look back to, ISO 8601, e.g. 2026-11-23T14:00:00Z; without a zone it is UTC.")
    registry_uri: str = option("Registry; empty for the configuration's.")


def run(inputs: Inputs, world: World) -> Report:
    """Read ledger, router and slots; a router that does not answer does not hide the history."""
    moment = parse_time(inputs.at) if inputs.at else None
    config = world.config(inputs.config, required=True)
    site = world.site(config, target=inputs.target, registry_uri=inputs.registry_uri)
    ledger = site.history()
    if moment is not None:
        return _past(site, ledger, moment, inputs.at)
    share, rows, notes = _present(site, ledger)
    tables = (Table(title="Now", header=("what", "is"), rows=rows), history(ledger))
    champion = ledger.champion or ""
    what = f"version {champion} serves." if champion else "nothing was promoted yet."
    headline = f"{site.place.model}: {what}"
    return Report(
        command="status",
        exit_code=Exit.OUTSIDE if notes else Exit.DONE,
        headline=headline,
        cure="Run `ml-cicd doctor`." if notes else "",
        sections=(*tables, *(Note(text=note) for note in notes)),
        outputs={"champion": champion, "share": share},
    )


def parse_time(text: str) -> datetime:
    """Read a time; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise InputError(f"Input 'at' is {text!r}.", cure="Write e.g. 2026-11-23T14:00:00Z.") from problem
    return found if found.tzinfo else found.replace(tzinfo=UTC)


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
    return Table(title=f"History ({len(ledger.entries)} entries)", header=header, rows=rows)


def _past(site: Site, ledger: Ledger, moment: datetime, text: str) -> Report:
    entry = serving_at(ledger, moment)
    champion = entry.champion if entry else ""
    headline = (
        f"{site.place.model}: version {champion} served at {text} (since {entry.at}: {entry.op.value})."
        if entry
        else f"{site.place.model}: nothing served at {text}."
    )
    outputs = {"champion": champion, "share": ""}
    return Report(
        command="status", exit_code=Exit.DONE, headline=headline, sections=(history(ledger),), outputs=outputs
    )


def _present(site: Site, ledger: Ledger) -> tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]:
    rows: list[tuple[str, str]] = [("champion by the ledger", ledger.champion or "none")]
    notes: list[str] = []
    share = ""
    try:
        view = site.router.read()
    except OutsideError as problem:
        return "", tuple(rows), (str(problem),)
    share = f"{view.share / 100:g}"
    rows.append(("router", f"slot {view.split.serving} serves, {share} % to slot {view.split.idle}"))
    if view.state is not None:
        rows.append(("last rollout", _words(view.state)))
    for slot, identity in site.identities().items():
        found = identity.release
        rows.append((f"slot {slot}", identity.problem or f"version {found.version} ({found.digest[:19]})"))
        wrong = slot == view.split.serving and found.version != ledger.champion
        if wrong and ledger.champion:
            notes.append(f"Slot {slot} serves {found.version or 'nothing'} but the ledger says {ledger.champion}.")
    return share, tuple(rows), tuple(notes)


def _words(state: RolloutState) -> str:
    what = f"{state.run_id} {state.phase.value.replace('_', ' ')}"
    return f"{what}: {state.reason}" if state.reason else what


COMMAND = Command(inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run)
