"""What is true now: by router and slots, which need no registry, and by the record; and where they disagree."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from ml_cicd.ground.errors import Defect, MlCicdError
from ml_cicd.registry.ledger import Ledger, LedgerOp
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.arms import counters_of, down_words
from ml_cicd.rollout.bounded import within
from ml_cicd.rollout.history import unrecorded
from ml_cicd.rollout.site import Place, Site
from ml_cicd.rollout.state import Counters, Identity, Observation, Phase, RolloutState, RouterView
from ml_cicd.rollout.way_back import again_command

ROUTER_SECONDS = 6.0  # longer than the router's own patience, so that its own words are heard where it has some
SLOTS_SECONDS = 4.0
COUNTERS_SECONDS = 1.0
RECORD_SECONDS = 9.0  # the four together stay below the 20 s that a person at night is made to wait
UNSAVED = "What serves is not on disk, a reload would undo it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What router and slots say. `view` is None where the router does not answer: `problem` says why. It is read as for
    taking traffic back, so that damaged files hide nothing: its `unsaved` says what is wrong with them.

    `seen` are the looks of an open rollout; none where they cannot be read. `clocks_apart` are the seconds by which the
    router's clock is ahead of this machine's. `counters` tell which slots the router reaches; nothing where they do not
    answer.
    """

    view: RouterView | None
    slots: Mapping[str, Identity]
    seen: tuple[Observation, ...] = ()
    problem: MlCicdError | None = None
    clocks_apart: float = 0.0
    counters: Mapping[str, Counters] = field(default_factory=dict)

    @property
    def down(self) -> str:
        """Say that the router does not reach the slot that serves, and who answers for it; nothing where it does."""
        return "" if self.view is None else down_words(self.view.split, self.counters)

    @property
    def serving(self) -> str:
        """Version in the slot that serves; empty where nobody can tell."""
        if self.view is None or self.view.split.serving not in self.slots:
            return ""
        return self.slots[self.view.split.serving].release.version


@dataclass(frozen=True, kw_only=True, slots=True)
class OnRecord:
    """What the registry says: the target's ledger, and the version that its alias names; empty for none."""

    ledger: Ledger
    alias: str


def traffic_now(site: Site, *, ask_router: bool = True, most: float = math.inf) -> Traffic:
    """Ask router and slots, and nobody else, each for at most its time and `most` seconds; what fails is only said."""
    view, problem = None, None
    seen: tuple[Observation, ...] = ()
    apart = 0.0
    try:
        if ask_router:
            view = within(min(most, ROUTER_SECONDS), "The router", partial(site.router.read, urgent=True))
        if view is not None:
            apart = view.now - site.clock.now()
            if view.state is not None and view.state.open and not view.unsaved:
                seen = site.router.observations(view.state)
    except Defect:
        raise
    except MlCicdError as found:
        problem = found
    try:
        slots = within(min(most, SLOTS_SECONDS), "A slot", site.identities)
    except Defect:
        raise
    except MlCicdError as hangs:
        slots = {slot: Identity(slot=slot, problem=hangs.what) for slot in site.place.slots}
    return Traffic(
        view=view,
        slots=slots,
        seen=seen,
        problem=problem,
        clocks_apart=apart,
        counters={} if view is None else _counters(site, most),
    )


def _counters(site: Site, most: float) -> Mapping[str, Counters]:
    try:
        return within(min(most, COUNTERS_SECONDS), "What counts the requests", partial(counters_of, site))
    except Defect:
        raise
    except MlCicdError:  # what serves is told all the same
        return {}


def record_seconds(uri: str) -> float:
    """Return how long a registry is waited for: a server for a while, a file to its end.

    The first use of a file makes its tables: whoever went away half-way would leave it broken.
    """
    return RECORD_SECONDS if uri.startswith(("http://", "https://")) else math.inf


def on_record(site: Site, seconds: float) -> OnRecord:
    """Ask the registry, once, for at most so long.

    Raises:
        MlCicdError: it does not answer, or not in time.
    """

    def ask() -> OnRecord:
        ledger = site.lately()
        return OnRecord(ledger=ledger, alias=site.snapshot().aliases.get(site.place.alias, ""))

    return within(seconds, "The registry", ask)


def silent(traffic: Traffic, record: OnRecord | None) -> Mapping[str, str]:
    """Return the slots that should answer and do not, with a sentence each; before a first release nobody needs to."""
    champion = None if record is None else record.ledger.champion
    return {
        found.slot: f"Slot {found.slot} should hold version {wanted.version or champion} and cannot tell: "
        f"{found.problem.rstrip('.')}."
        for found, wanted in _arms(traffic)
        if found.problem and (wanted.version or champion)
    }


def disagreements(place: Place, traffic: Traffic, record: OnRecord | None) -> tuple[str, ...]:
    """Return where router, slots, ledger and alias say different things, one sentence each; each cause once."""
    champion = None if record is None else record.ledger.champion
    found = [*_by_the_state(traffic, champion)]
    serving, view = traffic.serving, traffic.view
    if view is not None and view.unsaved:
        found.insert(0, f"{UNSAVED}: {view.unsaved}")
    if record is None:
        return tuple(found)
    slot, state = ("", None) if view is None else (view.split.serving, _state(view))
    told = state is not None and state.serving.version == champion  # then the state has said it already
    if champion and serving and serving != champion and not told:
        found.append(f"Slot {slot} serves {serving} but the ledger says {champion}.")
    elif not champion and serving:
        found.append(f"Slot {slot} serves {serving}, of which the ledger has no record.")
    if champion and record.alias != champion:
        found.append(f"The alias {place.alias} names {record.alias or 'nothing'} but the ledger says {champion}.")
    return tuple(found)


def _state(view: RouterView) -> RolloutState | None:
    """Return the state, where it belongs to what serves."""
    return None if view.unsaved else view.state


def _arms(traffic: Traffic) -> list[tuple[Identity, Release]]:
    """Return the slots that should answer, each with what the router's state says that it holds."""
    view = traffic.view
    if view is None:
        return []
    state = _state(view)
    arms = [(view.split.serving, NOTHING if state is None else state.serving)]
    if state is not None and state.phase is Phase.RUNNING:
        arms.append((view.split.idle, state.candidate))
    return [(traffic.slots[slot], release) for slot, release in arms if slot in traffic.slots]


def _by_the_state(traffic: Traffic, champion: str | None) -> Iterator[str]:
    for found, wanted in _arms(traffic):
        says = found.release
        if found.problem or not wanted or says == wanted or (says.version == wanted.version and not wanted.digest):
            continue
        what = "other bytes of it" if says.version == wanted.version else says.version
        who = "router and ledger say" if wanted.version == champion else "the router says"
        yield f"Slot {found.slot} serves {what} but {who} {wanted.version}."


def to_finish(place: Place, traffic: Traffic, record: OnRecord | None) -> str:
    """Return the command that finishes what is open; empty where nothing is, or where only a person can tell."""
    view = traffic.view
    if view is not None and view.unsaved:
        return place.to_champion  # it keeps what serves, and writes the files again
    if view is None or view.state is None:
        return ""
    state, canary = view.state, f"ml-cicd canary --target {place.target} --candidate {view.state.candidate.version}"
    lapsed = not view.leased
    if state.open:
        return canary if lapsed and state.phase is Phase.RUNNING else ""
    if record is None:
        return ""
    ledger = record.ledger
    if state.phase is Phase.HELD and ledger.champion == state.candidate.version:
        return canary  # the ledger has the promotion, and the router did not take it
    if _undone(ledger, state):
        return again_command(place.target, ledger.champion or "")
    given = state.reason if state.phase is Phase.REVERTED else ""  # a canary's own reason is written by itself
    if ledger.champion != state.serving.version and traffic.serving == state.serving.version:
        return again_command(place.target, state.serving.version, given)
    if unrecorded(ledger, state) or (
        ledger.champion and record.alias != ledger.champion and traffic.serving == ledger.champion
    ):
        return again_command(place.target, "champion", given)
    return ""


def _undone(ledger: Ledger, state: RolloutState) -> bool:
    """Whether a rollback is on record and the promotion before it serves again: the router has an older map, say."""
    moves = [entry for entry in ledger.entries if entry.op.moves]
    return (
        state.phase is Phase.PROMOTED
        and bool(moves)
        and moves[-1].op is LedgerOp.ROLLBACK
        and moves[-1].candidate == state.candidate.version
    )
