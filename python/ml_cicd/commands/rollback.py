"""Put an earlier version back: traffic first, then the ledger, then the alias. A second run is a no-op."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_cicd.ground.errors import Conflict, Exit, InputError, IntegrityError, MlCicdError, OutsideError
from ml_cicd.ground.inputs import Command, CommonInputs, Needs, option
from ml_cicd.ground.operation import Receipt, join
from ml_cicd.ground.report import Note, Report
from ml_cicd.registry.ledger import LedgerEntry
from ml_cicd.registry.versions import CHAMPION, Release
from ml_cicd.rollout.aim import NAMES, PREVIOUS, Aim, aim_at_what_serves, aim_from_ledger, aim_from_router
from ml_cicd.rollout.arms import counters_of, down_words
from ml_cicd.rollout.history import Outcome, known_digest
from ml_cicd.rollout.machine import Where
from ml_cicd.rollout.operations import HELD_SECONDS, to_finish
from ml_cicd.rollout.settling import overdue, settle
from ml_cicd.rollout.site import Observed, Site, observe
from ml_cicd.rollout.state import RouterView
from ml_cicd.rollout.way_back import WayBack, again_command, forced, way_back
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {
    "rolled-back": "true when traffic moved to another version or a canary was stopped.",
    "from-version": "Version that served before.",
    "to-version": "Version that serves now.",
    "verified": "true when slot, router and new requests agree that it serves.",
}
ON_ERROR: Mapping[str, str] = {"rolled-back": "false", "verified": "false"}
ATTEMPTS = 3
NO_REASON = "asked for"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `rollback`."""

    target: str = option("Name of the target in the configuration; empty when there is only one.")
    to: str = option(
        "previous, last-good, a version number; or champion, which only stops a running canary.", default=PREVIOUS
    )
    reason: str = option("Why, for the ledger.", default=NO_REASON)
    registry_uri: str = option("Registry; empty for the configuration's.")
    only_run: str = option(
        "With champion: the workflow run (its id) whose canary may be stopped; another one's is left alone."
    )
    force: bool = option(
        "Move traffic to where the version was last known to be, also when its slot cannot say so; for emergencies.",
        default=False,
    )


def run(inputs: Inputs, world: World) -> Report:
    """Move traffic, verify it, then write the record. A canary that renews its lease meanwhile does not stop it."""
    if inputs.to not in NAMES and not inputs.to.isdigit():
        raise InputError(
            f"Input 'to' is {inputs.to!r}.", cure="Write previous, last-good, champion or a version number."
        )
    if inputs.only_run and inputs.to != CHAMPION:
        raise InputError("Input 'only-run' goes with 'to: champion' alone.", cure="Leave it out, or stop a canary.")
    begun = world.clock.now()
    for _ in range(ATTEMPTS - 1):
        try:
            return _attempt(inputs, world)
        except Conflict:
            if world.clock.now() - begun >= HELD_SECONDS:
                raise  # somebody's hook hangs: nobody at night waits for it three times
    return _attempt(inputs, world)


def _attempt(inputs: Inputs, world: World) -> Report:
    config = world.config(inputs.config, required=True)
    site = world.site(config, target=inputs.target, registry_uri=inputs.registry_uri)
    view = site.router.read(urgent=True)
    if inputs.only_run and not (view.state is not None and view.state.is_of(inputs.only_run)):
        return _not_ours(inputs.only_run, view)
    aim = _aim(inputs, site, view)
    identities = site.identities(enough=aim.release)  # what is to serve no longer may take its time
    serving = identities.get(view.split.serving)
    before = serving.release.version if serving else ""
    if not before and view.state is not None and not view.unsaved:
        before = view.state.serving.version
    version = aim.release.version
    where = Where(place=site.place, split=view.split, state=view.state)
    given = "" if inputs.reason == NO_REASON else inputs.reason
    way = (forced if inputs.force else way_back)(aim, where, view, identities, reason=given)
    again = again_command(site.place.target, version, given) + (" --force" if way.forced else "")
    if way.deploys:
        site.say(f"No slot serves version {version}: it is deployed first, which can take minutes.")
    elif way.writes and way.slot != view.split.serving and not inputs.dry_run:
        _await_hook(site, way.slot)
    try:
        traffic = site.apply(way.operations, again=again, dry_run=inputs.dry_run)
    except OutsideError as problem:
        raise _or_by_force(problem, forced(aim, where, view, identities), again) from problem
    if inputs.dry_run:
        return _dry_run(traffic, before, aim)
    written = traffic.values(RouterView)
    if len(traffic.done) < len(way.operations):
        return _report(way, before, aim, traffic, _not_there(site, written[-1] if written else view, traffic.problem))
    if written:  # what follows takes seconds, or longer where the registry is out: nobody should wait for it in doubt
        site.say(f"Traffic is at slot {written[-1].split.serving}. Looking where new requests go ...")
    observed = _observed(site, version, written)
    site.say("Writing the record; traffic does not wait for it ...")
    outcome = Outcome(champion=version, before=before, stopped=bool(way.stops), reason=inputs.reason)
    record = _record(site, outcome, again, written)
    return _report(way, before, aim, join(traffic, record), observed)


def _await_hook(site: Site, slot: str) -> None:
    """Wait for whoever fills a slot that said a moment ago what is to serve: it says so until the hook is through.

    Raises:
        Conflict: there was somebody, so that the slot is to be asked again.
    """
    try:
        with site.router.hold(slot):
            return
    except Conflict as problem:
        site.say(f"{problem.what} Waiting until it is through ...")
    with site.router.hold(slot, seconds=HELD_SECONDS):
        raise Conflict(f"Slot {slot} was filled a moment ago.", cure="Run this again.")


def _or_by_force(problem: OutsideError, way: WayBack, again: str) -> OutsideError:
    """Name the way that asks no slot, where there is one: whoever is called at night may not wait for a mended hook."""
    if not way.forced:
        return problem
    cure = f"{problem.cure} Or move traffic now, taking for granted {way.forced}: {again} --force"
    return type(problem)(problem.what, cure=cure)


def _not_ours(run: str, view: RouterView) -> Report:
    """Report that there is nothing of this run to stop; whatever is there is left as it is."""
    state = view.state
    there = "no rollout is known here"
    if state is not None:
        what = "is rolled out" if state.open else f"was rolled out ({state.phase})"
        there = f"version {state.candidate.version} {what} by {state.owner.partition('.')[0] or 'another run'}"
    serving = "" if state is None or view.unsaved else state.serving.version
    return Report(
        command="rollback",
        exit_code=Exit.DONE,
        headline=f"Nothing to stop: run {run} has no rollout on this target; {there}.",
        outputs={"rolled-back": "false", "from-version": serving, "to-version": serving, "verified": "false"},
    )


def _now(site: Site, written: tuple[RouterView, ...]) -> RouterView:
    """Return what serves: what this run wrote, or else what is there, an earlier run's state perhaps."""
    return written[-1] if written else site.router.read(urgent=True)


def _observed(site: Site, version: str, written: tuple[RouterView, ...]) -> Observed:
    """Look at what serves. Traffic has moved by now: a look that fails must not keep the record from being written."""
    try:
        view = _now(site, written)
        seen = observe(site, view, version=version)
    except MlCicdError as problem:
        return Observed(verified=False, words=problem.what)
    return seen if seen.verified else _not_there(site, view, seen.words)


def _not_there(site: Site, view: RouterView, words: str) -> Observed:
    """Say what is wrong, and who answers where the slot that serves is down."""
    down = down_words(view.split, counters_of(site))
    return Observed(verified=False, words="; ".join(part.rstrip(".") for part in (words, down) if part))


def _aim(inputs: Inputs, site: Site, view: RouterView) -> Aim:
    """Find the release to serve; the registry is asked only when the router's state cannot tell."""
    to = inputs.to
    if to == CHAMPION and view.unsaved and not view.older:
        kept = aim_at_what_serves(to, view, site.slots.identify(view.split.serving))
        if kept is not None:
            return kept
    aim = aim_from_router(to, view.state)
    if aim is None and to.isdigit():
        aim = Aim(release=Release(version=to, digest=known_digest(to, view.state)), why="it was asked for")
    aim = aim or aim_from_ledger(to, site.history())
    if aim.release.digest or inputs.force:  # by force a version serves whose bytes nobody can check
        return aim
    number, model = aim.release.version, site.place.model
    snapshot = site.snapshot()
    version = snapshot.version(number)
    if version is None:
        known = ", ".join(v.number for v in snapshot.versions) or "none"
        raise InputError(f"{model} has no version {number}.", cure=f"Versions: {known}.")
    if not version.digest:
        raise IntegrityError(
            f"Version {number} of {model} carries no payload digest, so no slot can be checked against it.",
            cure="Choose a version that `ml-cicd register` made.",
        )
    return replace(aim, release=version.release)


def _record(site: Site, outcome: Outcome, again: str, written: tuple[RouterView, ...]) -> Receipt:
    """Write ledger and alias, and what an earlier run could not write; traffic is safe by now."""

    def where() -> Where:
        view = _now(site, written)
        return Where(place=site.place, split=view.split, state=view.state)

    alias = site.place.alias_at(outcome.champion)
    wanted = ("Record the rollback in the ledger", alias.describe())
    record = site.afterwards(lambda: settle(site, where(), outcome), wanted=wanted, again=again)
    if record.problem or not any(entry.op.moves for entry in record.values(LedgerEntry)):
        return record
    # Its move is on record now, so that what an earlier rollout's run could not write may follow.
    ended = ("Record how the rollout before it ended",)
    return join(record, site.afterwards(lambda: overdue(site, where(), outcome), wanted=ended, again=again))


def _dry_run(planned: Receipt, before: str, aim: Aim) -> Report:
    version = aim.release.version
    return Report(
        command="rollback",
        exit_code=Exit.DONE,
        headline=f"Would roll back from {before or 'an unknown version'} to {version}: {aim.why}.",
        sections=(planned if planned.planned else Note(text="Nothing to move."),),
        outputs={"rolled-back": "false", "from-version": before, "to-version": version, "verified": "false"},
    )


def _report(way: WayBack, before: str, aim: Aim, receipt: Receipt, observed: Observed) -> Report:
    version, moves = aim.release.version, len(receipt.values(RouterView))
    headline = f"Version {version} serves; {aim.why}."
    if moves and before != version:
        headline = f"Rolled back from {before or 'an unknown version'} to {version}: {observed.words}."
    elif moves and way.stops:
        headline = f"Stopped {way.stops}; version {version} serves on: {observed.words}."
    elif moves:
        headline = f"Version {version} serves on, and its files are written again: {observed.words}."
    if way.forced:
        headline = f"Moved to {version} by force, and nobody verified {way.forced}: {observed.words}."
    elif not observed.verified:
        headline = f"Rollback to {version} is not verified: {observed.words}."
    return Report(
        command="rollback",
        exit_code=Exit.PARTLY if receipt.problem or not observed.verified else Exit.DONE,
        headline=headline,
        cure=to_finish(receipt),
        sections=(receipt,),
        outputs={
            "rolled-back": str(moves > 0 and (before != version or bool(way.stops))).lower(),
            "from-version": before,
            "to-version": version if moves == way.writes else before,
            "verified": str(observed.verified).lower(),
        },
    )


COMMAND = Command(
    inputs=Inputs,
    outputs=OUTPUTS,
    on_error=ON_ERROR,
    run=run,
    needs=Needs(first="traffic", later=("registry", "sqlite")),
)
