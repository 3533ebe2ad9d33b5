"""Registered models, their versions, and the names that have a meaning of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.ground.errors import InputError

TAG_DIGEST = "mlcicd.model_digest"
TAG_GATE_DIGEST = "mlcicd.gate_digest"
TAG_GATE_VERDICT = "mlcicd.gate_verdict"
TAG_GATE_REPORT = "mlcicd.gate_report"
TAG_COMMIT = "mlcicd.git_sha"
TAG_RUN = "mlcicd.run_url"
TAG_ACTOR = "mlcicd.actor"
TAG_KEY = "mlcicd.key"
TAG_VERSION = "mlcicd.version"  # on a run: the version that its model became
TAG_ENTRY = "mlcicd.entry"
TAG_FORMAT = "mlcicd.format"
TAG_ALLOWED_CALLABLES = "mlcicd.allowed_callables"
TAG_ALLOWED_CODE = "mlcicd.allowed_code"

CHAMPION = "champion"
CHALLENGER = "challenger"
LEDGER_SUFFIX = "--deployments"
# The one rule for a model's name: what MLflow's paths and filters read as it is meant. The published schema has it too,
# and ECMA's regular expressions know no \Z; a bare $ would let Python take a line end behind the name.
NAME = r"^\w[\w .-]{0,199}(?!\n)$"


def ledger_name(model: str) -> str:
    """Return the name of a model's ledger, a registered model beside it."""
    return model + LEDGER_SUFFIX


def check_model_name(name: str) -> None:
    """Refuse a name that would pass for something else.

    Raises:
        InputError: characters that a registry misreads, or a ledger's name.
    """
    if not re.match(NAME, name):
        raise InputError(f"{name!r} cannot be a model's name.", cure="Use letters, digits, spaces, _ . and -.")
    if name.casefold().endswith(LEDGER_SUFFIX):
        raise InputError(f"{name!r} is the name of a ledger.", cure=f"Choose a model name without {LEDGER_SUFFIX}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A version with its payload digest. No version is no release, and falsy."""

    version: str = ""
    digest: str = ""

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self.version)


NOTHING = Release()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelVersion:
    """One version of a registered model. `number` is text without sign; tags are claims, not proof.

    `registered_at` is the registry's own time, UTC, ISO 8601; empty where it has none.
    """

    name: str
    number: str
    uri: str
    tags: Mapping[str, str]
    registered_at: str = ""

    @property
    def digest(self) -> str:
        """Payload digest as tagged at registration; empty where there is none."""
        return self.tags.get(TAG_DIGEST, "")

    @property
    def release(self) -> Release:
        """The version with its digest."""
        return Release(version=self.number, digest=self.digest)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewVersion:
    """A version to register: the folder's files, which have this digest, and tags. `key` exists at most once.

    Where the server holds the files already, `source` says where: nothing is uploaded then, and what is there must have
    the digest. `run` is the run that made them, `description` what people read.
    """

    name: str
    folder: str
    digest: str
    key: str
    tags: Mapping[str, str]
    source: str = ""
    run: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrySnapshot:
    """What the registry holds of one model; no version at all where the model is unknown."""

    name: str
    versions: tuple[ModelVersion, ...]
    aliases: Mapping[str, str]

    def version(self, number: str) -> ModelVersion | None:
        """Return the version with this number."""
        return next((v for v in self.versions if v.number == number), None)

    def resolve(self, reference: str) -> ModelVersion | None:
        """Return the version that a number or an alias names."""
        return self.version(self.aliases.get(reference, reference))

    def with_key(self, key: str) -> ModelVersion | None:
        """Return the version that was registered under this key; the lowest is the canonical one."""
        return next((v for v in self.versions if v.tags.get(TAG_KEY) == key), None)
