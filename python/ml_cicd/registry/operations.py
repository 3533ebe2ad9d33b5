"""Effects on registry and ledger."""

from dataclasses import dataclass

from ml_cicd.ground.errors import Conflict
from ml_cicd.ground.operation import Done
from ml_cicd.registry.ledger import LedgerEntry
from ml_cicd.registry.ports import Records
from ml_cicd.registry.versions import ModelVersion, NewVersion


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
        if isinstance(self.version, str):
            return self.version
        found = doors.registry.snapshot(self.name).with_key(self.version.key)
        if found is None:
            raise Conflict(f"A version of {self.name} went away while it was registered.", cure="Register again.")
        return found.number


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
