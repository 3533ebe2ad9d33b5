"""Whether a model may be registered, and what that takes: a passing gate report for exactly these bytes."""

import re
from dataclasses import dataclass

from ml_cicd.ground.errors import InputError, IntegrityError, NotPassing
from ml_cicd.ground.finding import Outcome
from ml_cicd.registry.addresses import Origin
from ml_cicd.registry.card import Card, card
from ml_cicd.registry.gate_report import GateClaim
from ml_cicd.registry.look import Look
from ml_cicd.registry.operations import LinkRun, RegisterVersion, SetAlias
from ml_cicd.registry.ports import Records
from ml_cicd.registry.versions import (
    CHAMPION,
    TAG_ACTOR,
    TAG_ALLOWED_CALLABLES,
    TAG_ALLOWED_CODE,
    TAG_COMMIT,
    TAG_DIGEST,
    TAG_FORMAT,
    TAG_GATE_DIGEST,
    TAG_GATE_REPORT,
    TAG_GATE_VERDICT,
    TAG_KEY,
    TAG_RUN,
    NewVersion,
    check_model_name,
)

LARGEST_TAG = 90_000  # MLflow takes 100,000 characters; a longer report is left out, its digest is not
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
RESERVED = re.compile(r"latest|v[0-9]+", re.IGNORECASE)
MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The model that asks to be registered.

    `folder` is where it lies here, `look` what was found in its files, `origin` where it was brought from, if it was:
    from `server`, where that is another one than it is registered in. `other_run` says that somebody asked for a report
    of another run or commit to be taken.
    """

    name: str
    alias: str
    folder: str
    digest: str
    look: Look
    commit: str
    run_url: str
    actor: str = ""
    other_run: bool = False
    origin: Origin | None = None
    server: str = ""

    @property
    def shown(self) -> str:
        """What somebody called it: a folder that it was brought to says nothing to him."""
        return self.origin.asked if self.origin else self.folder


def check_names(name: str, alias: str) -> None:
    """Refuse names that would pass for something else.

    Raises:
        InputError: a ledger's name, an alias that only a promotion may set, or one that MLflow reserves.
    """
    check_model_name(name)
    if says_what_serves(alias):
        raise InputError(
            f"Alias {alias!r} says what serves; only a promotion sets it.",
            cure="Register as challenger, then run canary.",
        )
    if not ALIAS.fullmatch(alias) or RESERVED.fullmatch(alias):
        raise InputError(f"{alias!r} cannot be an alias.", cure="Use letters, digits, _ and -; not latest, not v1.")


def plan(
    candidate: Candidate, gate: GateClaim
) -> tuple[RegisterVersion, SetAlias] | tuple[RegisterVersion, SetAlias, LinkRun]:
    """Return what registers `candidate`, or refuse it.

    All operations are safe to repeat, so the plan is the same whether the version exists or not.

    Raises:
        InputError: a bad name, or a model that could run code when loaded.
        NotPassing: the gate did not pass.
        IntegrityError: the gate judged other bytes, or in another run or at another commit.
    """
    check_names(candidate.name, candidate.alias)
    _check_claim(candidate, gate)
    if candidate.look.violations:
        raise InputError(_refusal(candidate.shown, candidate.look), cure=candidate.look.way_out)
    # What another server holds is uploaded like any folder, and nothing is written on its runs.
    origin = candidate.origin if candidate.origin and not candidate.server else Origin(asked="", source="")
    new = NewVersion(
        name=candidate.name,
        folder=candidate.folder,
        digest=candidate.digest,
        key=registration_key(candidate, gate),
        tags=_tags(candidate, gate),
        source=origin.source,
        run=origin.run,
        description=card_of(candidate, gate).description,
    )
    # The alias late: who follows it finds a version that is complete, tags and verified bytes included. The run's page
    # is for people: nothing waits for it.
    alias = SetAlias(name=candidate.name, alias=candidate.alias, version=new)
    return (
        (RegisterVersion(version=new), alias, LinkRun(version=new))
        if new.run
        else (RegisterVersion(version=new), alias)
    )


def card_of(candidate: Candidate, gate: GateClaim) -> Card:
    """Return what people read of it."""
    origin = candidate.origin
    lineage = {
        "model": candidate.digest,
        "format": candidate.look.format,
        "brought from": origin.asked if origin else "",
        "at": candidate.server,
        "logged as": origin.source if origin and origin.source != origin.asked else "",
        "training run": origin.run if origin else "",
        "commit": gate.commit or candidate.commit,
        "workflow": candidate.run_url,
        "verdict": gate.digest,
    }
    return card(gate.text, lineage)


def check_first_release(gate: GateClaim, wanted: NewVersion, records: Records) -> None:
    """Refuse a verdict that passed without a champion where there is one; a version that is there already stays.

    Raises:
        NotPassing: registry or ledger know a champion.
    """
    if not gate.first_release:
        return
    known = records.registry.snapshot(wanted.name)
    if known.with_key(wanted.key) is not None:
        return
    ledger = records.ledger.read(wanted.name)
    aliases = (f"alias {alias} is at version {at}" for alias, at in known.aliases.items() if says_what_serves(alias))
    served = f"version {ledger.champion} serves by the ledger" if ledger.champion else ""
    found = next(aliases, served)
    if found:
        raise NotPassing(
            f"The gate judged this as a first release, without a champion, but {found}.",
            cure="Give the gate the champion's predictions; check the path in evidence.champion.",
        )


def says_what_serves(alias: str) -> bool:
    """Whether an alias is one that only a promotion sets."""
    return alias.casefold() == CHAMPION or alias.casefold().startswith(f"{CHAMPION}-")


def _refusal(model: str, found: Look) -> str:
    """Say what was found; what no format recognises is not said to run code."""
    shown = "; ".join(found.violations[:MOST_SHOWN])
    more = len(found.violations) - MOST_SHOWN
    if more > 0:
        shown += f"; and {more} more"
    return f"Loading {model} could run code: {shown}." if found.format else f"It cannot be looked through: {shown}."


def registration_key(candidate: Candidate, gate: GateClaim) -> str:
    """Name these bytes judged by this verdict, whatever its times were: a version exists at most once per key."""
    return f"{candidate.digest}:{gate.steady}"


def _check_claim(candidate: Candidate, gate: GateClaim) -> None:
    """Refuse a verdict that is not a pass, or that speaks of something else."""
    if gate.outcome is not Outcome.PASS:
        rules = f": {', '.join(gate.blocking)}" if gate.blocking else ""
        raise NotPassing(
            f"The gate's verdict is {gate.outcome.value}{rules}.", cure="Only a model that passes is registered."
        )
    if not gate.model:
        raise IntegrityError(
            "The gate report is bound to no model.",
            cure="Run the gate with the input model, so that it names its digest.",
        )
    if gate.model != candidate.digest:
        raise IntegrityError(
            f"The gate judged {gate.model}, but {candidate.shown} is {candidate.digest}.",
            cure="Run the gate on this model, or give the model that was judged.",
        )
    elsewhere = judged_elsewhere(candidate, gate)
    if elsewhere and not candidate.other_run:
        raise IntegrityError(elsewhere, cure="Run the gate again here, or take that report with allow-other-run.")


def judged_elsewhere(candidate: Candidate, gate: GateClaim) -> str:
    """Say where the gate judged, if that was another commit or another workflow run; nothing where it was this one.

    Outside a workflow there is no run to compare with.
    """
    if gate.commit and candidate.commit and gate.commit != candidate.commit:
        return f"The gate judged commit {gate.commit[:12]}, but this is {candidate.commit[:12]}."
    if candidate.run_url and gate.run != candidate.run_url:
        return f"The gate judged in {gate.run or 'no workflow run'}, but this is {candidate.run_url}."
    return ""


def _tags(candidate: Candidate, gate: GateClaim) -> dict[str, str]:
    tags = {
        TAG_DIGEST: candidate.digest,
        TAG_KEY: registration_key(candidate, gate),
        TAG_GATE_DIGEST: gate.digest,
        TAG_GATE_VERDICT: gate.outcome.value,
        TAG_GATE_REPORT: gate.text if len(gate.text) <= LARGEST_TAG else "",
        TAG_COMMIT: gate.commit or candidate.commit,
        TAG_RUN: candidate.run_url,
        TAG_ACTOR: candidate.actor,
        TAG_FORMAT: candidate.look.format,
        TAG_ALLOWED_CALLABLES: " ".join(sorted(candidate.look.allowed.callables))[:LARGEST_TAG],
        TAG_ALLOWED_CODE: "\n".join(candidate.look.code)[:LARGEST_TAG],
    }
    return {name: value for name, value in tags.items() if value}
