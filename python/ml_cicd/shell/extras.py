"""Packages that the configuration will want and this machine does not have."""

from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec

from ml_cicd.config import Config
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Finding, remark
from ml_cicd.shell.later import PYTHON


def lacking(config: Config, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return a remark for each; none in an action, which brings to each command what that one needs."""
    if environ.get(PYTHON):
        return ()
    missing = [(module, use, package) for module, use, package in _wanted(config) if find_spec(module) is None]
    return tuple(
        remark(f"package {module}", f"It is not installed; {use}.", f"Install it: `pip install {package}`.")
        for module, use, package in missing
    )


def _wanted(config: Config) -> list[tuple[str, str, str]]:
    """Return modules, what each is for, and what brings it."""
    wanted = []
    if config.evidence.predictions:
        wanted.append(("duckdb", "the gate reads evidence.predictions with it", "duckdb"))
    with suppress(InputError):  # no address: the check of the registry says so
        if not config.registry_uri("").startswith("sqlite:"):  # of a file nothing can be asked without it
            wanted.append(("mlflow", "register, and what a rollout writes down, need it", "'ml-cicd[registry]'"))
    return wanted
