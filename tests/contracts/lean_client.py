"""A pytest plugin: no import finds what the locks of the registry leave out (`pytest -p tests.contracts.lean_client`).

The development environment holds all that MLflow asks for. With this, its client has what an action has.
"""

import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from types import ModuleType

LOCKS = Path(__file__).resolve().parents[2] / "python" / "locks"
NAME = re.compile(r"[A-Za-z0-9._-]+")


def plain(name: str) -> str:
    """Return a package's name as a lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> set[str]:
    """Return what the locks of the registry hold."""
    texts = [(LOCKS / f"{name}.txt").read_text("utf-8") for name in ("registry", "sqlite")]
    return {name for text in texts for name in re.findall(r"^([a-z0-9-]+)==", text, flags=re.MULTILINE)}


def wanted(package: str, known: set[str]) -> set[str]:
    """Return all that a package asks for, and what that asks for, but for extras."""
    if package in known:
        return known
    known.add(package)
    for line in requires(package) or ():
        if "extra ==" not in line and (found := NAME.match(line)):
            try:
                wanted(plain(found[0]), known)
            except ModuleNotFoundError:  # for another system
                known.discard(plain(found[0]))
    return known


def left_out() -> set[str]:
    """Return the top modules of packages that MLflow's client asks for and no lock holds."""
    missing = wanted("mlflow-skinny", set()) - locked()
    return {
        module
        for module, owners in packages_distributions().items()
        if {plain(owner) for owner in owners} <= missing and "/" not in module
    }


class Absent:
    """Finds modules as Python does, but for some that are not there."""

    find_distributions = staticmethod(PathFinder.find_distributions)
    invalidate_caches = staticmethod(PathFinder.invalidate_caches)

    def __init__(self, names: set[str]) -> None:
        """Remember them."""
        self.names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Look where Python looks."""
        return None if name.partition(".")[0] in self.names else PathFinder.find_spec(name, path, target)


ABSENT = Absent(left_out())
sys.meta_path = [ABSENT if finder is PathFinder else finder for finder in sys.meta_path]
