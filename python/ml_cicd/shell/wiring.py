"""The only file that names doors. Each is imported when it is first needed: a rollback loads no registry client before
traffic is safe.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_cicd.config import Config, no_config, read_config
from ml_cicd.gate.doors import engine_of
from ml_cicd.gate.evidence import Evidence, EvidenceRequest, evaluate
from ml_cicd.gate.hints import Hints
from ml_cicd.gate.ports import Engine
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Finding
from ml_cicd.registry.look import Allowed, Look
from ml_cicd.registry.ports import DeploymentLedger, ModelOrigins, ModelRegistry, Server
from ml_cicd.registry.versions import CHAMPION
from ml_cicd.rollout.doors import ROUTERS, SOURCES
from ml_cicd.rollout.ports import Clock, MetricSource, SlotHost, TrafficRouter
from ml_cicd.rollout.settings import TargetSettings
from ml_cicd.rollout.site import Place, Site
from ml_cicd.shell import extras, machine, streams
from ml_cicd.shell.later import fetch_later
from ml_cicd.shell.received import here, receive
from ml_cicd.starter.snapshot import Snapshot
from ml_cicd.world import Files, ModelHere, Who

LARGEST_FILE = 2**20


def open_door(table: Mapping[str, str], name: str) -> ModuleType:
    """Import a door by the name that its wing's table gives it."""
    return import_module(table[name])


def door_settings(table: Mapping[str, str], name: str) -> type:
    """Return the class that declares a door's block of the configuration."""
    settings: type = open_door(table, name).Settings
    return settings


@dataclass(frozen=True, kw_only=True)
class MlflowRecords:
    """What is at one address, connected when it is first asked for (registry.ports.Server)."""

    uri: str
    environ: Mapping[str, str]
    say: Callable[[str], None]

    @cached_property
    def registry(self) -> ModelRegistry:
        """Connect."""
        from ml_cicd.registry.mlflow.versions import MlflowRegistry  # noqa: PLC0415

        return MlflowRegistry(self.uri, self._fetch)

    @cached_property
    def ledger(self) -> DeploymentLedger:
        """Connect."""
        from ml_cicd.registry.mlflow.ledger import MlflowLedger  # noqa: PLC0415

        return MlflowLedger(self.uri, self._fetch)

    @cached_property
    def origins(self) -> ModelOrigins:
        """Connect."""
        from ml_cicd.registry.mlflow.origins import MlflowOrigins  # noqa: PLC0415

        return MlflowOrigins(self.uri, self._fetch)

    def _fetch(self) -> None:
        fetch_later("registry", "mlflow", self.environ, self.say)
        if self.uri.startswith("sqlite:"):  # a file needs what a server does not
            fetch_later("sqlite", "sqlalchemy", self.environ, self.say)


class ModelFiles:
    """Model files, looked at without loading them (world.Models)."""

    def here(self, model: str, records: Callable[[], Server]) -> AbstractContextManager[ModelHere]:
        """Bring a model that a server holds to this machine for a while."""
        return here(model, records, digest_of=self.payload_digest)

    def payload_digest(self, path: str) -> str:
        """Digest of a model's file or folder."""
        from ml_cicd.registry.formats.payload import payload_digest  # noqa: PLC0415

        return payload_digest(Path(path))

    def look(self, path: str, allowed: Allowed) -> Look:
        """What in it could run code when it is loaded, by the first format that recognises it."""
        from ml_cicd.registry.formats.scan import look  # noqa: PLC0415

        return look(Path(path), allowed)

    def receive(self, path: str, digest: str, bring: Callable[[str], str]) -> bool:
        """Put what is brought at `path`, if it has this digest."""
        return receive(Path(path), digest, bring, digest_of=self.payload_digest)


@contextmanager
def _from(package: str, what: str) -> Iterator[None]:
    """Say how to get what is missing where an import fails; nothing but imports belongs inside."""
    try:
        yield
    except ImportError as problem:
        cure = f"Install it: `pip install {package}`."
        raise InputError(f"{what} is not installed: {problem}.", cure=cure) from problem


def model_in_memory(model: object, data: Iterable[Any] | None, hints: Hints, say: Callable[[str], None]) -> Any:  # noqa: ANN401
    """Return a model with what it is judged on, a `gate.engines.in_memory.InMemory`; importing that needs NumPy."""
    with _from("numpy", "NumPy"):
        from ml_cicd.gate.engines.in_memory import InMemory  # noqa: PLC0415

    return InMemory(model=model, data=data, hints=hints, say=say)


def save_in_memory(judged: Any, path: str, example: object) -> None:  # noqa: ANN401
    """Save a model in memory: a module exported in eval mode, an estimator in its library's own format."""
    from ml_cicd.registry.mlflow.client import settle  # noqa: PLC0415

    settle()
    with _from("'ml-cicd[torch]'", "MLflow"):
        import_module("mlflow")
    told = judged.data is None or example is not None
    if not judged.is_module:
        from ml_cicd.registry.formats.estimator_folder import save_estimator  # noqa: PLC0415

        save_estimator(judged.model, path, example if told else judged.inputs())
        return
    from ml_cicd.registry.formats.torch_export import example_for, save_model  # noqa: PLC0415

    arrays = example_for(judged.model, example) if told else judged.example()
    with judged.exported(arrays) as module:
        save_model(module, path, arrays)


def load_saved(judged: Any, path: str) -> object:  # noqa: ANN401
    """Return the model that `save_in_memory` wrote."""
    if judged.is_module:
        from ml_cicd.registry.formats.torch_export import load_program  # noqa: PLC0415

        return load_program(path)
    from ml_cicd.registry.formats.estimator_folder import flavor_of, load_estimator  # noqa: PLC0415

    return load_estimator(path, flavor_of(judged.model))


class RealWorld:
    """The outside as it is (world.World)."""

    def __init__(self, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Take the environment and the way to print progress; connect to nothing yet."""
        self._environ = environ
        self._records: dict[str, MlflowRecords] = {}
        self._folder = Path.cwd()
        self.say = say
        self.clock: Clock = machine.SystemClock()
        self.files: Files = machine.SystemFiles()
        self.models = ModelFiles()

    @cached_property
    def who(self) -> Who:
        """Who runs this."""
        return machine.who(self._environ)

    @cached_property
    def commit(self) -> str:
        """Commit that is judged."""
        return machine.commit(self._environ)

    def new_name(self) -> str:
        """Return a name that no other process has."""
        return machine.new_name(self._environ)

    def is_gone(self, owner: str) -> bool:
        """Whether the process of this name is known to have ended on this machine."""
        return machine.is_gone(owner)

    def config(self, path: str, *, required: bool) -> Config:
        """Read the configuration; an absent file is an empty one unless it is `required`.

        Raises:
            InputError: absent though required, too large, not UTF-8, or not a configuration.
        """
        self._folder = Path(path).resolve().parent
        content = machine.configuration(path, limit=LARGEST_FILE, required=required)
        return read_config(content, path, self._environ, door_settings) if content is not None else no_config(path)

    def measure(self, request: EvidenceRequest) -> Evidence:
        """Turn tables or a metrics file into evidence."""
        return evaluate(request, connect=self._engine, read_metrics=_metrics_file)

    def lacking(self, config: Config) -> tuple[Finding, ...]:
        """Return a remark for each package that the configuration will want and that is not installed."""
        return extras.lacking(config, self._environ)

    def validate(self, paths: Sequence[str]) -> tuple[Finding, ...]:
        """Hold documents against the published schemas."""
        fetch_later("validate", "jsonschema", self._environ, self.say)
        from ml_cicd.shell.validation import validate  # noqa: PLC0415  # needs jsonschema

        return validate(paths, files=self.files, environ=self._environ, doors=door_settings)

    def survey(self) -> Snapshot:
        """Read the repository in the working directory."""
        from ml_cicd.shell.survey import survey  # noqa: PLC0415

        return survey(Path.cwd())

    ask = staticmethod(streams.ask)  # the person at the terminal; empty where there is nobody

    def records(self, uri: str) -> Server:
        """Return registry and ledger of an address, the same ones each time."""
        if uri not in self._records:
            self._records[uri] = MlflowRecords(uri=uri, environ=self._environ, say=self.say)
        return self._records[uri]

    def site(self, config: Config, *, target: str, registry_uri: str) -> Site:
        """Return a target with all that it takes to look at it and to change it; connects to nothing.

        Traffic needs no registry: an address that is not given is missed where a record is asked for.
        """
        name, settings = config.target(target)
        place = Place(
            target=name,
            model=config.model_name(""),
            slots=tuple(settings.slots),
            has_hook=bool(settings.hooks.deploy),
            alias=CHAMPION if len(config.targets) == 1 else f"{CHAMPION}-{name}",
        )
        return Site(
            place=place,
            router=_router(settings),
            source=_source(settings),
            slots=self._slots(name, settings),
            clock=self.clock,
            actor=self.who.actor,
            run_url=self.who.run_url,
            say=self.say,
            records=lambda: self.records(config.registry_uri(registry_uri)),
        )

    def _engine(self, path: str) -> AbstractContextManager[Engine]:
        """Return the engine that opens tables of this kind; its packages are loaded now and not before."""
        name = engine_of(path)
        fetch_later("gate", "duckdb", self._environ, self.say)
        with _from("duckdb", "What reads prediction tables"):
            module = import_module(name)
        engine: AbstractContextManager[Engine] = module.connect()
        return engine

    def _slots(self, target: str, settings: TargetSettings) -> SlotHost:
        from ml_cicd.rollout.slots.http import HttpSlots  # noqa: PLC0415

        urls = {slot: place.url for slot, place in settings.slots.items()}
        return HttpSlots(target, urls, settings.hooks.deploy, folder=self._folder, environ=self._environ)


def _metrics_file(path: str) -> bytes:
    from ml_cicd.gate.engines.metrics_file import read_metrics  # noqa: PLC0415

    return read_metrics(path)


def _router(settings: TargetSettings) -> TrafficRouter:
    router: TrafficRouter = open_door(ROUTERS, settings.router.kind).connect(
        settings.router.settings, tuple(settings.slots)
    )
    return router


def _source(settings: TargetSettings) -> MetricSource:
    """Return what counts the requests: what the target names, else its router."""
    chosen = settings.metrics or settings.router
    if chosen.kind not in SOURCES:
        raise InputError(
            f"The router {chosen.kind!r} does not count requests.", cure=f"Set metrics: kind: {', '.join(SOURCES)}."
        )
    source: MetricSource = open_door(SOURCES, chosen.kind).connect(chosen.settings, tuple(settings.slots))
    return source


def real_world(say: Callable[[str], None]) -> RealWorld:
    """Wire the world to this process."""
    return RealWorld(os.environ, say)
