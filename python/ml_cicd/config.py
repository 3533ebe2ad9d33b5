"""The configuration, the sum of the wings' sections. Every error names file, line and path."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ml_cicd.gate.settings import EvidenceSettings, GateSettings
from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import as_mapping, suggest
from ml_cicd.ground.yaml_text import Document, KeyPath, read_yaml
from ml_cicd.registry.settings import RegistrySettings
from ml_cicd.rollout.settings import CanarySettings, TargetSettings
from ml_cicd.settings import At, Doors, Schema, block, number, read_block, schema_of, setting, table, text

CONFIG_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
SET_VARIABLE = "Set it in the step's env."
MODEL_NAME = "^[^/:]{1,200}$"  # the registry is stricter, where one is used: a gate needs none
LATER = ("registry", "targets")  # what a gate does not use may be unset where a gate runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A whole `ml-cicd.yml`. `digest` is over its meaning, not its bytes.

    `unset` are values of registry and targets whose variable is empty, by path, each with the sentence that says so.
    """

    version: int = setting(number(whole=True, least=1, most=1), "Version of this file's format.")
    model: str | None = setting(
        text(MODEL_NAME, allowed="Use at most 200 characters, and neither / nor `:`."),
        "Registered model; its ledger is <model>--deployments.",
        default=None,
    )
    evidence: EvidenceSettings = setting(block(EvidenceSettings), "What is judged.", default=EvidenceSettings())
    gate: GateSettings | None = setting(block(GateSettings), "What is demanded.", default=None)
    registry: RegistrySettings | None = setting(block(RegistrySettings), "Where models are registered.", default=None)
    targets: Mapping[str, TargetSettings] = setting(
        table(block(TargetSettings)), "Where models serve, by name.", default={}
    )
    canary: CanarySettings = setting(block(CanarySettings), "How a version is rolled out.", default=CanarySettings())
    path: str = ""
    digest: str = ""
    unset: Mapping[str, str] = field(default_factory=dict)

    def target(self, name: str) -> tuple[str, TargetSettings]:
        """Return the target called `name`; the empty name is the only one there is.

        Raises:
            InputError: unknown, more than one to choose from, or a variable that it reads is empty.
        """
        if not name and len(self.targets) == 1:
            name = next(iter(self.targets))
        if name in self.targets:
            self._refuse_unset(f"targets.{name}.")
            return name, self.targets[name]
        if not self.targets:
            raise InputError(f"{self.path} has no targets.", cure="Add targets.<name> with router and slots.")
        raise InputError(f"{self.path}: no target {name!r}.", cure=suggest(name, self.targets))

    def registry_uri(self, asked: str) -> str:
        """Return the registry's address: the one asked for, else the file's.

        Raises:
            InputError: neither says one, or its variable is empty; there is no default, because MLflow's own
            depends on the current folder.
        """
        if asked:
            return asked
        self._refuse_unset("registry.")
        if self.registry:
            return self.registry.uri
        raise InputError("No registry is given.", cure="Set registry-uri, or registry.uri in the configuration.")

    def model_name(self, asked: str) -> str:
        """Return the registered model's name: the one asked for, else the file's."""
        if asked or self.model:
            return asked or self.model or ""
        raise InputError("No model name is given.", cure="Set model-name, or model in the configuration.")

    def _refuse_unset(self, prefix: str) -> None:
        problem = next((text for path, text in self.unset.items() if path.startswith(prefix)), None)
        if problem is not None:
            raise InputError(problem, cure=SET_VARIABLE)


def no_config(path: str) -> Config:
    """Return what an absent file means."""
    return Config(version=1, path=path, digest=canonical_digest({"version": 1}))


def read_config(content: str, where: str, environ: Mapping[str, str], doors: Doors) -> Config:
    """Read a configuration; `doors` gives the settings of a wing's door by name.

    Raises:
        InputError: not YAML, not what the sections declare, `env:NAME` without a value.
    """
    document = read_yaml(content, where)
    unset: dict[str, str] = {}
    data = _resolve(document.value, _Variables(environ, document, where, unset), ())
    at = At(where, document.line, doors)
    if "version" not in as_mapping(data, str(at)):
        raise InputError(f"{at}: 'version' is missing.", cure="Start with `version: 1`.")
    found = read_block(Config, data, at)
    return replace(found, path=where, digest=canonical_digest(data), unset=unset)


def config_schema(doors: Doors) -> Schema:
    """Return the published schema of the file."""
    return {"$schema": CONFIG_SCHEMA, "title": "ml-cicd.yml, version 1", **schema_of(Config, doors)}


@dataclass(frozen=True, slots=True)
class _Variables:
    """What `env:NAME` reads from, and the list of what it did not find, by path."""

    environ: Mapping[str, str]
    document: Document
    where: str
    unset: dict[str, str]


def _resolve(value: Any, variables: _Variables, path: KeyPath) -> Any:  # noqa: ANN401  # whatever YAML holds
    """Replace `env:NAME` by the variable; an empty one is an error, never an empty address.

    In registry and targets it is one only when they are used: the gate of a fork's pull request has no such variables.
    """
    if isinstance(value, dict):
        return {key: _resolve(item, variables, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, variables, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str) or not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    if variables.environ.get(name):
        return variables.environ[name]
    dotted = ".".join(map(str, path))
    line = variables.document.line(path)
    problem = f"{variables.where}, line {line}: {dotted} reads the variable {name!r}, which is empty."
    if path[:1] not in {(part,) for part in LATER}:
        raise InputError(problem, cure=SET_VARIABLE)
    variables.unset[dotted] = problem
    return value
