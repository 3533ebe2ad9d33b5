"""The ports of one process over the model. Each call is a moment at which something may happen to the process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from ml_cicd.ground.errors import Conflict, Defect, NotFound, OutsideError, Unreachable
from ml_cicd.registry.ledger import Ledger, LedgerEntry
from ml_cicd.registry.versions import NOTHING, ModelVersion, NewVersion, RegistrySnapshot, Release
from ml_cicd.rollout.state import Counters, Identity, Observation, RolloutState, RouterView, Split
from tests.fakes.origins import FakeOrigins
from tests.simulation.cheap import VERSIONS
from tests.simulation.model import CURE, Model, Wanted, Write

T = TypeVar("T")
FILLING_SECONDS = 10.0
AWAY = "It does not answer."


class Watcher(Protocol):
    """Who is told what really happens (invariants.py)."""

    def looked(self, by: str) -> None:
        """A process has read the router."""

    def wrote(self, by: str, write: Write) -> None:
        """Memory has another value."""

    def kept(self, state: RolloutState | None) -> None:
        """The files beside the router have it too."""

    def fills(self, by: str, slot: str, release: Release) -> None:
        """A hook begins to replace what a slot holds."""

    def appended(self, by: str, entry: LedgerEntry) -> None:
        """The ledger has one more entry."""

    def named(self, by: str, version: str) -> None:
        """The alias names another version."""


class Moments(Protocol):
    """Who decides what happens to a process at a call (schedule.py)."""

    def at(self, process: str, call: str, effect: Callable[[], T]) -> T:
        """Let the call have its effect, or something else happen."""

    def inside(self, process: str) -> None:
        """Pass a moment between two parts of one write."""


@dataclass(slots=True)
class Hands:
    """What a process acts by."""

    name: str
    model: Model
    moments: Moments
    watcher: Watcher


class Router:
    """rollout.ports.TrafficRouter."""

    def __init__(self, hands: Hands) -> None:
        """Keep them."""
        self.h = hands

    def read(self, *, urgent: bool = False) -> RouterView:
        """Read."""
        view = self.h.moments.at(self.h.name, "read", lambda: self._there().view(urgent=urgent))
        self.h.watcher.looked(self.h.name)
        return view

    def set_split(
        self,
        split: Split,
        state: RolloutState | None,
        *,
        expect_seq: int,
        seen: Sequence[Observation] = (),
        urgent: bool = False,
    ) -> RouterView:
        """Write."""
        h = self.h
        wanted = Wanted(split=split, state=state, expect_seq=expect_seq, seen=tuple(seen), urgent=urgent)

        def write() -> RouterView:
            if split.serving != h.model.memory.serving:
                self._check_held(split.serving)
            view = self._there().write(
                wanted, inside=lambda: h.moments.inside(h.name), told=lambda done: h.watcher.wrote(h.name, done)
            )
            if not view.unsaved:
                h.watcher.kept(state)
            return view

        return h.moments.at(h.name, "write", write)

    def observations(self, state: RolloutState) -> tuple[Observation, ...]:
        """Return the looks."""
        h = self.h
        return h.moments.at(h.name, "looks", lambda: tuple(self._there().looks.get(state.run_id, ())[: state.looks]))

    @contextmanager
    def hold(self, slot: str, *, seconds: float = 0.0) -> Iterator[None]:
        """Hold a slot until the block or the process ends. Nobody waits here: whoever would is told at once."""
        self._check_held(slot)
        self.h.model.held[slot] = self.h.name
        try:
            yield
        finally:
            del self.h.model.held[slot]

    def _check_held(self, slot: str) -> None:
        by = self.h.model.held.get(slot, self.h.name)
        if by != self.h.name:
            raise Conflict(f"{slot} is held by {by}.", cure=CURE)

    def _there(self) -> Model:
        if self.h.model.now < self.h.model.away_until:
            raise Unreachable(AWAY, cure=CURE)
        return self.h.model


class Source:
    """rollout.ports.MetricSource: the router counts."""

    def __init__(self, hands: Hands) -> None:
        """Keep them."""
        self.h = hands

    def read(self) -> Mapping[str, Counters]:
        """Count."""
        return self.h.moments.at(self.h.name, "count", self._read)

    def _read(self) -> Mapping[str, Counters]:
        model = self.h.model
        if model.now < model.away_until:
            raise Unreachable(AWAY, cure=CURE)
        return {
            slot: Counters(requests=n, events={"errors": model.failures[slot]}, epoch="1")
            for slot, n in model.requests.items()
        }


class Slots:
    """rollout.ports.SlotHost. A slot answers with its old name until the hook is through; one whose hook ended before
    that holds nothing.
    """

    def __init__(self, hands: Hands) -> None:
        """Keep them."""
        self.h = hands

    def identify(self, slot: str) -> Identity:
        """Ask; it never raises."""
        try:
            return self.h.moments.at(self.h.name, "identify", lambda: self._identity(slot))
        except OutsideError as problem:
            return Identity(slot=slot, problem=problem.what)

    def _identity(self, slot: str) -> Identity:
        held = self.h.model.holds.get(slot)
        return Identity(slot=slot, problem="empty") if held is None else Identity(slot=slot, release=held)

    def identify_all(self, slots: Sequence[str], *, enough: Release = NOTHING) -> Mapping[str, Identity]:
        """Ask one after the other."""
        return {slot: self.identify(slot) for slot in slots}

    def deploy(self, slot: str, *, model: str, release: Release) -> Identity:
        """Fill it: the hook runs for a while, and whatever ends the process before it is through ends the hook too."""
        h = self.h
        try:
            h.moments.at(h.name, "deploy", lambda: self._begin(slot, release))
            h.moments.at(h.name, "hook", lambda: h.model.passes(FILLING_SECONDS))
        except BaseException:
            if h.model.filling.get(slot) == h.name:  # else it had not begun
                del h.model.filling[slot]
                h.model.holds.pop(slot, None)
            raise
        if h.model.filling.get(slot) == h.name:
            del h.model.filling[slot]
        h.model.holds[slot] = release
        return Identity(slot=slot, release=release)

    def _begin(self, slot: str, release: Release) -> None:
        self.h.watcher.fills(self.h.name, slot, release)
        self.h.model.filling[slot] = self.h.name


class Time:
    """rollout.ports.Clock."""

    def __init__(self, hands: Hands) -> None:
        """Keep them."""
        self.h = hands

    def now(self) -> float:
        """Say it."""
        return self.h.model.now

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.h.moments.at(self.h.name, "sleep", lambda: self.h.model.passes(seconds))


class Registry:
    """registry.ports.ModelRegistry."""

    def __init__(self, hands: Hands) -> None:
        """Keep them."""
        self.h = hands

    def snapshot(self, name: str) -> RegistrySnapshot:
        """Read."""
        h = self.h
        return h.moments.at(
            h.name,
            "snapshot",
            lambda: RegistrySnapshot(name=name, versions=VERSIONS, aliases=dict(there(h.model).aliases)),
        )

    def register(self, wanted: NewVersion) -> tuple[ModelVersion, bool]:
        """Nobody registers here."""
        raise Defect(f"{wanted.key} is not part of any story.")

    def download(self, version: ModelVersion, folder: str) -> str:
        """Nobody fetches here."""
        raise Defect(f"{version.number} is not part of any story.")

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Point it."""
        h = self.h

        def point() -> bool:
            aliases = there(h.model).aliases
            if all(known.number != version for known in VERSIONS):
                raise NotFound(f"There is no version {version}.", cure=CURE)
            moved = aliases.get(alias) != version
            aliases[alias] = version
            h.watcher.named(h.name, version)
            return moved

        return h.moments.at(h.name, "alias", point)


class DeploymentRecord:
    """registry.ports.DeploymentLedger."""

    def __init__(self, hands: Hands) -> None:
        """Keep them."""
        self.h = hands

    def read(self, name: str, *, newest: int = 0) -> Ledger:
        """Read all of it, however few are asked for."""
        h = self.h

        def read() -> Ledger:
            entries = there(h.model).entries
            return Ledger(entries=entries, head=entries[-1].number if entries else "0")

        return h.moments.at(h.name, "ledger", read)

    def append_entry(self, name: str, entry: LedgerEntry) -> LedgerEntry:
        """Append at the head."""
        h = self.h

        def append() -> LedgerEntry:
            entries = there(h.model).entries
            head = entries[-1].number if entries else "0"
            if entry.previous != head:
                raise Conflict(f"The head is {head}.", cure=CURE)
            written = replace(entry, number=str(len(entries) + 1))
            h.watcher.appended(h.name, written)
            h.model.entries = (*entries, written)
            return written

        return h.moments.at(h.name, "append", append)


def there(model: Model) -> Model:
    """Return the registry's part, unless it is away."""
    if model.record_away:
        raise Unreachable(AWAY, cure=CURE)
    return model


class Book:
    """registry.ports.Server."""

    def __init__(self, hands: Hands) -> None:
        """Make them; no rollout asks where a model comes from."""
        self.registry = Registry(hands)
        self.ledger = DeploymentRecord(hands)
        self.origins = FakeOrigins()
