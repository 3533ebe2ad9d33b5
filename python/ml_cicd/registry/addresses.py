"""Addresses of models that the registry's server holds already, and what one of them meant when it was looked up.

runs:/RUN/PATH, models:/m-ID, models:/NAME/VERSION and models:/NAME@ALIAS, as MLflow writes them.
"""

import re
from dataclasses import dataclass, replace
from typing import TypeAlias

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.reference import find, says_champion
from ml_cicd.registry.versions import RegistrySnapshot, check_model_name

RUNS, MODELS = "runs:/", "models:/"
RUN = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)
LOGGED = re.compile(r"m-[0-9a-f]{32}")
NUMBER = re.compile(r"[1-9][0-9]{0,9}")
MODEL_FORMS = (
    "a folder, a file, an image by digest, runs:/RUN/PATH, models:/m-ID, models:/NAME/VERSION or models:/NAME@ALIAS"
)
FORMS = "Write runs:/RUN/PATH, models:/m-ID, models:/NAME/VERSION or models:/NAME@ALIAS."


@dataclass(frozen=True, kw_only=True, slots=True)
class InRun:
    """What a run has at a path: one of its artifacts, or a model that it logged under that name."""

    text: str
    run: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """A logged model."""

    text: str
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A version of a registered model, by its number, or by an alias as long as that is not looked up."""

    text: str
    name: str
    number: str = ""
    alias: str = ""


Address: TypeAlias = InRun | Logged | Registered


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a model comes from, once its address is settled; nothing in it can point elsewhere later.

    Attributes:
        asked: the address as somebody wrote it.
        source: what MLflow has as the source of a version: a logged model, or where files lie.
        run: the run that made it; empty where that is not known, or was deleted.
        version: number, where it is a registered version.
        digest: payload digest that this version was registered with; empty where there is none.
    """

    asked: str
    source: str
    run: str = ""
    version: str = ""
    digest: str = ""

    @property
    def meaning(self) -> str:
        """Say what the address meant, for reports."""
        parts = [
            f"version {self.version}" if self.version else "",
            self.source if self.source.startswith(MODELS) and self.source != self.asked else "",
            f"of run {self.run}" if self.run else "of no known run",
        ]
        return f"{self.asked} is {', '.join(filter(None, parts))}."


def is_address(text: str) -> bool:
    """Whether this asks for something on a server, and is no path."""
    return text.startswith((RUNS, MODELS))


def read_address(text: str) -> Address:
    """Read an address.

    Raises:
        InputError: it is none, or one that points elsewhere tomorrow.
    """
    if text.startswith(RUNS):
        run, _, path = text.removeprefix(RUNS).partition("/")
        return InRun(text=text, run=_run(run, text), path=_path(path, text))
    name, slash, number = text.removeprefix(MODELS).partition("/")
    if not slash and LOGGED.fullmatch(name):
        return Logged(text=text, model=name)
    if slash:
        check_model_name(name)
        return Registered(text=text, name=name, number=_number(number, text, name))
    name, at, alias = name.partition("@")
    if not name or not at or not alias:
        raise InputError(f"{text} names no version.", cure=f"Write {MODELS}{name or 'NAME'}/7 or @challenger after it.")
    check_model_name(name)
    return Registered(text=text, name=name, alias=alias)


def settle(address: Registered, known: RegistrySnapshot, ledger: Ledger) -> Registered:
    """Turn an alias into the version that it is at now; the champion is what serves by the ledger.

    Raises:
        InputError: no such model, version or alias.
    """
    if not known.versions:
        raise InputError(f"There is no registered model {address.name} with a version.", cure="Check the address.")
    if address.alias and not says_champion(address.alias) and address.alias not in known.aliases:
        there = ", ".join(known.aliases) or "none"
        raise InputError(f"{address.name} has no alias {address.alias!r}.", cure=f"Its aliases: {there}.")
    found = find(f"@{address.alias}" if address.alias else address.number, known, ledger)
    if found is None or (address.number and found.number != address.number):
        raise InputError(f"{address.text} is nothing yet.", cure="Name a version by its number.")
    return replace(address, number=found.number, alias="")


def _run(run: str, text: str) -> str:
    if not RUN.fullmatch(run):
        raise InputError(f"{text} names no run.", cure=FORMS)
    return run


def _path(path: str, text: str) -> str:
    path = path.rstrip("/")
    if not path:
        raise InputError(f"{text} names no path in the run.", cure=f"Write {RUNS}RUN/model, the model's name there.")
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise InputError(f"{text} has a path that leads out of the run, or in circles.", cure=FORMS)
    return path


def _number(number: str, text: str, name: str) -> str:
    if not NUMBER.fullmatch(number):
        raise InputError(
            f"{text} names no version: {number!r} is no number.",
            cure=f"Write {MODELS}{name}/7, or {MODELS}{name}@challenger; stages and latest point elsewhere tomorrow.",
        )
    return number
