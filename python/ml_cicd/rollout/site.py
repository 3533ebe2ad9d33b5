"""A target with all that it takes to look at it and to change it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml_cicd.ground.errors import MlCicdError
from ml_cicd.ground.operation import Operation, Receipt, apply
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.operations import SetAlias
from ml_cicd.registry.ports import DeploymentLedger, ModelRegistry, Records
from ml_cicd.registry.versions import CHAMPION, NOTHING, RegistrySnapshot, Release
from ml_cicd.rollout.history import Author
from ml_cicd.rollout.ports import Clock, MetricSource, SlotHost, TrafficRouter
from ml_cicd.rollout.state import Counters, Identity, RouterView

SETTLE_SECONDS = 0.5
LOOKS = 6
ENOUGH_REQUESTS = 20
NEWEST = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Names of a target: which model serves there, in which slots, and the alias that says which version.

    `has_hook` says whether slots can be filled from here.
    """

    target: str
    model: str
    slots: tuple[str, ...]
    has_hook: bool
    alias: str = CHAMPION

    @property
    def to_champion(self) -> str:
        """Command that stops what runs here, and writes what taking traffic back has left to write."""
        return f"ml-cicd rollback --target {self.target} --to champion"

    def alias_at(self, version: str) -> SetAlias:
        """Return what points the alias at the version that serves here."""
        return SetAlias(name=self.model, alias=self.alias, version=version)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A place, and the hands to change it. Connects to the registry only when a record is asked for."""

    place: Place
    router: TrafficRouter
    source: MetricSource
    slots: SlotHost
    clock: Clock
    actor: str
    run_url: str
    say: Callable[[str], None]
    records: Callable[[], Records]

    @property
    def registry(self) -> ModelRegistry:
        """Connect."""
        return self.records().registry

    @property
    def ledger(self) -> DeploymentLedger:
        """Connect."""
        return self.records().ledger

    def identities(self, *, enough: Release = NOTHING) -> Mapping[str, Identity]:
        """Ask every slot who it is; once one is `enough`, the others are not waited for."""
        return self.slots.identify_all(self.place.slots, enough=enough)

    def history(self) -> Ledger:
        """Read what happened on this target."""
        return self.ledger.read(self.place.model).of(self.place.target)

    def lately(self) -> Ledger:
        """Read what happened on this target lately: the last move and all after it, however long the ledger is."""
        found = self.ledger.read(self.place.model, newest=NEWEST).of(self.place.target)
        return found if not found.earlier or any(entry.op.moves for entry in found.entries) else self.history()

    def snapshot(self) -> RegistrySnapshot:
        """Read the model's versions and aliases."""
        return self.registry.snapshot(self.place.model)

    def now(self) -> str:
        """Time of day, UTC, ISO 8601."""
        return utc(self.clock.now())

    def author(self) -> Author:
        """Return who writes an entry of the ledger now."""
        place = self.place
        return Author(target=place.target, model=place.model, actor=self.actor, run_url=self.run_url, at=self.now())

    def apply(
        self, operations: Sequence[Operation["Site"]], *, again: str, dry_run: bool = False, quiet: bool = False
    ) -> Receipt:
        """Perform operations here; `quiet` says nothing of each, for what happens at every look."""
        say = (lambda _line: None) if quiet else self.say
        return apply(operations, self, say=say, again=again, dry_run=dry_run)

    def afterwards(
        self, build: Callable[[], tuple[Operation["Site"], ...]], *, wanted: tuple[str, ...], again: str
    ) -> Receipt:
        """Perform what comes after traffic is where it belongs: a failure here is written down, never raised."""
        try:
            return self.apply(build(), again=again)
        except MlCicdError as problem:
            return Receipt(not_done=wanted, problem=str(problem), cures=(again,))


def utc(seconds: float) -> str:
    """Return epoch seconds as UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """What the traffic itself says after a move."""

    verified: bool
    words: str


def observe(site: Site, view: RouterView, *, version: str) -> Observed:
    """Check that the serving slot says it is `version` and that no new request reaches another slot.

    Looks for at most about three seconds. Without traffic the router's value and the slot's identity are all there is.
    """
    slot = view.split.serving
    identity = site.slots.identify(slot)
    found = identity.release.version
    if found != version:
        return Observed(verified=False, words=f"slot {slot} says {found or identity.problem}, not {version}")
    before = site.source.read()
    here = elsewhere = 0
    for _ in range(LOOKS):
        site.clock.sleep(SETTLE_SECONDS)
        now = site.source.read()
        fresh = {name: _begun(before[name], now[name]) for name in now if name in before}
        here = fresh.get(slot, 0)
        elsewhere = sum(fresh.values()) - here
        if here >= ENOUGH_REQUESTS:
            break
    if elsewhere > 0:
        return Observed(verified=False, words=f"{elsewhere} of {here + elsewhere} new requests went elsewhere")
    if here == 0:
        return Observed(verified=True, words=f"slot {slot} says {version}; no request came while looking")
    return Observed(verified=True, words=f"slot {slot} says {version} and took all {here} new requests")


def _begun(before: Counters, now: Counters) -> int:
    """Return how many requests were begun meanwhile: what still ends at a slot that hangs, because its user gives up,
    say, was not sent there after the move.
    """
    return max(0, now.requests - before.requests + (now.open or 0) - (before.open or 0))


AnyOperation = Operation[Any]
