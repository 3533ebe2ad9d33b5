"""Models on a server, in memory; they pass the same contract as MLflow's."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.addresses import Address, InRun, Logged, Origin, Registered

IMAGE = "docker://"


@dataclass
class FakeOrigins:
    """registry.ports.ModelOrigins in memory: folders by the source of an address, and the runs that are there."""

    folders: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)  # run: active or deleted
    logged: dict[str, str] = field(default_factory=dict)  # logged model: its run
    named: list[tuple[str, str, str]] = field(default_factory=list)  # run, name there, logged model
    unfinished: set[str] = field(default_factory=set)
    said: dict[str, dict[str, float | str]] = field(default_factory=dict)
    registered: dict[tuple[str, str], Origin] = field(default_factory=dict)

    def locate(self, address: Address) -> Origin:
        """Look it up."""
        if isinstance(address, Registered):
            return replace(self.registered[address.name, address.number], asked=address.text)
        if isinstance(address, Logged):
            return self._logged(address)
        return self._in_run(address)

    def bring(self, origin: Origin, folder: str) -> str:
        """Copy it."""
        if origin.source.startswith(IMAGE):
            return origin.source.removeprefix(IMAGE)
        source = Path(self.folders[origin.source])
        target = Path(folder) / source.name
        if source.is_file():
            return str(shutil.copy(source, target))
        return str(shutil.copytree(source, target))

    def annotate(self, run: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> bool:
        """Keep it."""
        if run not in self.runs:
            raise InputError(f"There is no run {run}.", cure="Mend it.")
        before = self.said.get(run, {})
        self.said[run] = {**before, **metrics, **tags}
        return self.said[run] != before

    def _logged(self, address: Logged) -> Origin:
        if address.model not in self.logged:
            raise InputError(f"There is no logged model {address.model}.", cure="Mend it.")
        if address.model in self.unfinished:
            raise InputError(f"The logged model {address.model} is not finished.", cure="Mend it.")
        return Origin(asked=address.text, source=f"models:/{address.model}", run=self.logged[address.model])

    def _in_run(self, address: InRun) -> Origin:
        state = self.runs.get(address.run)
        if state != "active":
            raise InputError(f"Run {address.run} {state or 'is not there: there is no run of it'}.", cure="Mend it.")
        logged = [model for run, name, model in self.named if (run, name) == (address.run, address.path)]
        if len(logged) > 1:
            raise InputError("These are several.", cure=" or ".join(f"models:/{one}" for one in logged))
        if logged:
            return self._logged(Logged(text=address.text, model=logged[0]))
        source = f"runs:/{address.run}/{address.path}"
        if source not in self.folders:
            raise InputError(f"Run {address.run} has nothing at {address.path!r}.", cure="Mend it.")
        return Origin(asked=address.text, source=source, run=address.run)
