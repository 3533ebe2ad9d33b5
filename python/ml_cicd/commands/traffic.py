"""What canary, rollback, status and doctor share: one look at a target before anything is done to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_cicd.apply import Scene, apply
from ml_cicd.domain.config import Config, TargetConfig
from ml_cicd.domain.model import CHAMPION, Ledger, LedgerEntry, LedgerOp
from ml_cicd.domain.operation import Operation, Receipt, SetAlias
from ml_cicd.domain.rollout import Identity, RouterView
from ml_cicd.errors import MlCicdError
from ml_cicd.ports import SlotHost, TrafficRouter, World

SETTLE_SECONDS = 0.5
LOOKS = 6
ENOUGH_REQUESTS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A target as it is now, and the hands to change it."""

    scene: Scene
    target: TargetConfig
    model: str
    router: TrafficRouter
    slots: SlotHost

    @property
    def world(self) -> World:
        """The outside."""
        return self.scene.world

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.scene.config

    def identities(self) -> Mapping[str, Identity]:
        """Ask every slot who it is."""
        return {slot: self.slots.identify(slot) for slot in self.target.slots}

    def ledger(self) -> Ledger:
        """Read what happened on this target."""
        return self.world.ledger(self.scene.registry_uri).read(self.model).of(self.target.name)

    def champion_alias(self, version: str) -> SetAlias:
        """Point at what serves here. Where there are several targets, each has an alias of its own."""
        alias = CHAMPION if len(self.config.targets) == 1 else f"{CHAMPION}-{self.target.name}"
        return SetAlias(name=self.model, alias=alias, version=version)


def open_stage(world: World, *, config: str, target: str, registry_uri: str) -> Stage:
    """Read the configuration and name the target; connects to nothing."""
    settings = world.config(config, required=True)
    place = settings.target(target)
    return Stage(
        scene=Scene(world=world, config=settings, registry_uri=settings.registry(registry_uri)),
        target=place,
        model=settings.model_name(""),
        router=world.router(place),
        slots=world.slots(place),
    )


def utc(seconds: float) -> str:
    """Return epoch seconds as UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ledger_entry(  # noqa: PLR0913  # one line of the record, each part by name
    stage: Stage, ledger: Ledger, op: LedgerOp, *, champion: str, candidate: str, reason: str, verdict_digest: str = ""
) -> LedgerEntry:
    """Build the next entry of the ledger as this run sees it."""
    world = stage.world
    return LedgerEntry(
        number="",
        previous=ledger.head,
        op=op,
        target=stage.target.name,
        champion=champion,
        candidate=candidate,
        actor=world.actor,
        run_url=world.run_url,
        reason=reason,
        verdict_digest=verdict_digest,
        at=utc(world.clock.now()),
    )


def afterwards(
    stage: Stage, build: Callable[[], tuple[Operation, ...]], *, wanted: tuple[str, ...], again: str
) -> Receipt:
    """Perform what comes after traffic is where it belongs: a failure here is written down, never raised."""
    try:
        return apply(build(), stage.scene, again=again)
    except MlCicdError as problem:
        return Receipt(done=(), not_done=wanted, problem=str(problem), cures=(again,))


def join(*receipts: Receipt) -> Receipt:
    """Put the receipts of consecutive applies together."""
    return Receipt(
        done=tuple(d for r in receipts for d in r.done),
        not_done=tuple(n for r in receipts for n in r.not_done),
        problem=" ".join(r.problem for r in receipts if r.problem),
        cures=tuple(dict.fromkeys(c for r in receipts for c in r.cures)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """What the traffic itself says after a move."""

    verified: bool
    words: str


def observe(stage: Stage, view: RouterView, *, version: str) -> Observed:
    """Check that the champion's slot says it is `version` and that no new request reaches another slot.

    Looks for at most about three seconds. Without traffic the router's value and the slot's identity are all there is.
    """
    slot = view.split.champion
    identity = stage.slots.identify(slot)
    if identity.version != version:
        return Observed(verified=False, words=f"slot {slot} says {identity.version or identity.problem}, not {version}")
    before = stage.router.counters()
    here = elsewhere = 0
    for _ in range(LOOKS):
        stage.world.clock.sleep(SETTLE_SECONDS)
        now = stage.router.counters()
        fresh = {name: now[name].requests - before[name].requests for name in now if name in before}
        here = fresh.get(slot, 0)
        elsewhere = sum(fresh.values()) - here
        if here >= ENOUGH_REQUESTS:
            break
    if elsewhere > 0:
        return Observed(verified=False, words=f"{elsewhere} of {here + elsewhere} new requests went elsewhere")
    if here == 0:
        return Observed(verified=True, words=f"slot {slot} says {version}; no request came while looking")
    return Observed(verified=True, words=f"slot {slot} says {version} and took all {here} new requests")
