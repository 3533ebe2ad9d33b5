"""Effects on registry and ledger."""

from dataclasses import dataclass

from ml_cicd.ground.errors import Conflict, Refused
from ml_cicd.ground.operation import Done
from ml_cicd.registry.card import metrics_of
from ml_cicd.registry.ledger import LedgerEntry
from ml_cicd.registry.ports import Records, Server
from ml_cicd.registry.versions import (
    TAG_DIGEST,
    TAG_GATE_DIGEST,
    TAG_GATE_REPORT,
    TAG_GATE_VERDICT,
    TAG_VERSION,
    ModelVersion,
    NewVersion,
)

LINKED_TAGS = (TAG_DIGEST, TAG_GATE_DIGEST, TAG_GATE_VERDICT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """The version that stands for a key now. `created` is False where it was there already."""

    version: ModelVersion
    created: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterVersion:
    """Create one version with all its tags in one call, unless a version with its key exists."""

    version: NewVersion

    def describe(self) -> str:
        """Say it."""
        return f"Register {self.version.name} with payload {self.version.digest[:19]}"

    def perform(self, doors: Records) -> Done[Registered]:
        """Do it."""
        version, created = doors.registry.register(self.version)
        result = f"version {version.number}, {'created' if created else 'was there already'}"
        value = Registered(version=version, created=created)
        return Done(what=self.describe(), result=result, changed=created, value=value)


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAlias:
    """Point an alias at a version: at a number, or at the one that stands for a new version's key by then."""

    name: str
    alias: str
    version: str | NewVersion

    def describe(self) -> str:
        """Say it."""
        at = self.version if isinstance(self.version, str) else "the new version"
        return f"Point alias {self.alias} of {self.name} at {at}"

    def perform(self, doors: Records) -> Done[str]:
        """Do it."""
        number = self._number(doors)
        moved = doors.registry.set_alias(self.name, self.alias, number)
        result = f"{self.alias} -> {number}" + ("" if moved else ", as it was")
        return Done(what=self.describe(), result=result, changed=moved, value=number)

    def _number(self, doors: Records) -> str:
        return self.version if isinstance(self.version, str) else _standing_for(self.version, doors).number


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked:
    """The run that now says which version its model became."""

    run: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkRun:
    """Write on the run that trained a version what the gate measured and which version it became.

    It says what the version's own verdict says, so that all who repeat or race this say the same.
    """

    version: NewVersion

    def describe(self) -> str:
        """Say it."""
        return f"Note verdict and version on run {self.version.run}"

    def perform(self, doors: Server) -> Done[Linked]:
        """Do it."""
        found = _standing_for(self.version, doors)
        tags = {name: found.tags[name] for name in LINKED_TAGS if name in found.tags}
        record = found.tags.get(TAG_GATE_REPORT, "")
        value = Linked(run=self.version.run)
        try:
            changed = doors.origins.annotate(
                self.version.run, metrics_of(record) if record else {}, {**tags, TAG_VERSION: found.uri}
            )
        except Refused as problem:  # whoever registers need not have a right on the experiments of others
            return Done(what=self.describe(), result=f"left out: {problem.what}", changed=False, value=value)
        return Done(what=self.describe(), result="noted" if changed else "as it was", changed=changed, value=value)


def _standing_for(new: NewVersion, doors: Records) -> ModelVersion:
    """Return the version that has a new one's key by now."""
    found = doors.registry.snapshot(new.name).with_key(new.key)
    if found is None:
        raise Conflict(f"A version of {new.name} went away while it was registered.", cure="Register again.")
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class AppendLedger:
    """Append one entry; fails when the head is no longer `entry.previous`."""

    name: str
    entry: LedgerEntry

    def describe(self) -> str:
        """Say it."""
        return f"Record in the ledger of {self.name}: {self.entry.op} {self.entry.candidate}"

    def perform(self, doors: Records) -> Done[LedgerEntry]:
        """Do it."""
        entry = doors.ledger.append_entry(self.name, self.entry)
        return Done(what=self.describe(), result=f"entry {entry.number}", changed=True, value=entry)
