"""The only file that names adapters. Each is imported when it is first needed: a rollback loads no registry client
before traffic is safe.
"""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from ml_cicd.adapters import system
from ml_cicd.domain.config import Config, TargetConfig
from ml_cicd.errors import InputError
from ml_cicd.parse import suggest
from ml_cicd.ports import (
    Clock,
    DeploymentLedger,
    Evaluator,
    Files,
    ModelRegistry,
    Progress,
    Scaffold,
    SlotHost,
    TrafficRouter,
)


def _haproxy(target: TargetConfig) -> TrafficRouter:
    from ml_cicd.adapters.haproxy import HaproxyRouter  # noqa: PLC0415

    return HaproxyRouter(config=target.router, slots=tuple(target.slots))


ROUTERS: dict[str, Callable[[TargetConfig], TrafficRouter]] = {"haproxy": _haproxy}


class RealWorld:
    """The outside as it is (ports.World)."""

    def __init__(self, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Take the environment and the way to print progress; connect to nothing yet."""
        self._environ = environ
        self._say = say
        self._registries: dict[str, ModelRegistry] = {}
        self._ledgers: dict[str, DeploymentLedger] = {}
        self._folder = Path.cwd()

    def config(self, path: str, *, required: bool) -> Config:
        """Read and validate the configuration."""
        from ml_cicd.adapters.config_file import read_config  # noqa: PLC0415  # needs PyYAML and jsonschema

        self._folder = Path(path).resolve().parent
        return read_config(Path(path), self._environ, required=required)

    def evaluator(self) -> Evaluator:
        """Return the evaluator of tables and metrics files."""
        from ml_cicd.measure.evaluator import TableEvaluator  # noqa: PLC0415  # needs duckdb

        return TableEvaluator()

    def registry(self, uri: str) -> ModelRegistry:
        """Connect to the registry once."""
        from ml_cicd.adapters.mlflow_registry import MlflowRegistry  # noqa: PLC0415  # needs mlflow

        if uri not in self._registries:
            self._registries[uri] = MlflowRegistry(uri)
        return self._registries[uri]

    def ledger(self, uri: str) -> DeploymentLedger:
        """Connect to the ledger once."""
        from ml_cicd.adapters.mlflow_ledger import MlflowLedger  # noqa: PLC0415  # needs mlflow

        if uri not in self._ledgers:
            self._ledgers[uri] = MlflowLedger(uri)
        return self._ledgers[uri]

    def router(self, target: TargetConfig) -> TrafficRouter:
        """Connect to a target's router."""
        kind = target.router.kind
        if kind not in ROUTERS:
            raise InputError(f"targets.{target.name}.router.kind is {kind!r}.", cure=suggest(kind, ROUTERS))
        return ROUTERS[kind](target)

    def slots(self, target: TargetConfig) -> SlotHost:
        """Return the target's slots."""
        from ml_cicd.adapters.http_slots import HttpSlots  # noqa: PLC0415

        return HttpSlots(target=target, folder=self._folder, environ=self._environ)

    @cached_property
    def clock(self) -> Clock:
        """Time."""
        return system.SystemClock()

    @cached_property
    def files(self) -> Files:
        """Files."""
        return system.SystemFiles()

    @cached_property
    def scaffold(self) -> Scaffold:
        """Files that `init` writes."""
        return system.SystemScaffold()

    @cached_property
    def progress(self) -> Progress:
        """Progress lines."""
        return system.ProgressLines(write=self._say)

    @cached_property
    def actor(self) -> str:
        """Who runs this."""
        return system.actor(self._environ)

    @cached_property
    def run_url(self) -> str:
        """Where this run's log is."""
        return system.run_url(self._environ)

    @cached_property
    def commit(self) -> str:
        """Commit that is judged."""
        return system.commit(self._environ)


def real_world(say: Callable[[str], None]) -> RealWorld:
    """Wire the world to this process."""
    return RealWorld(os.environ, say)
