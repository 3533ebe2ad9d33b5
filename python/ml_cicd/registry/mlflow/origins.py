"""Models that MLflow holds already (registry.ports.ModelOrigins): logged by a run, or registered."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, assert_never

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.addresses import Address, InRun, Logged, Origin, Registered
from ml_cicd.registry.mlflow.client import connect, mapped, point_at
from ml_cicd.registry.mlflow.versions import IMAGE, LOGGED, downloaded, is_absent
from ml_cicd.registry.versions import TAG_DIGEST

MOST_PAGES = 100
READY = "READY"
LARGEST_BATCH = 500  # MLflow takes 1,000 metrics in one call


class MlflowOrigins:
    """The runs and logged models of one address."""

    def __init__(self, uri: str, fetch: Callable[[], None] = lambda: None) -> None:
        """Connect; fails within seconds when nobody answers. `fetch` makes MLflow importable before it is needed."""
        self._uri = uri
        self._client = connect(uri, fetch)

    def locate(self, address: Address) -> Origin:
        """Find out what is at an address whose alias is settled; nothing is downloaded."""
        with self._asking():
            match address:
                case InRun():
                    return self._in_run(address)
                case Logged():
                    return self._logged(address.model, address.text)
                case Registered():
                    return self._registered(address)
                case _:
                    assert_never(address)

    def bring(self, origin: Origin, folder: str) -> str:
        """Copy the files below a folder, return where they are; an image stays an address."""
        if origin.source.startswith(IMAGE):
            return origin.source.removeprefix(IMAGE)
        with self._asking():
            return downloaded(self._uri, origin.source, folder)

    def annotate(self, run: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> bool:
        """Write what a run does not say yet."""
        with self._asking():
            known = self._run(run).data
            fresh = {name: value for name, value in metrics.items() if known.metrics.get(name) != value}
            told = {name: value for name, value in tags.items() if known.tags.get(name) != value}
            if fresh or told:
                self._write(run, fresh, told)
        return bool(fresh or told)

    def _write(self, run: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        from mlflow.entities import Metric, RunTag  # noqa: PLC0415  # perhaps fetched only now

        now = int(time.time() * 1000)
        values = [Metric(key=name, value=value, timestamp=now, step=0) for name, value in metrics.items()]
        for start in range(0, len(values), LARGEST_BATCH):
            self._client.log_batch(run, metrics=values[start : start + LARGEST_BATCH])
        self._client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with mapped(self._uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            point_at(self._uri)
            yield

    def _in_run(self, address: InRun) -> Origin:
        info = self._run(address.run).info
        if info.lifecycle_stage != "active":
            raise InputError(
                f"Run {address.run} was deleted.", cure=f"Restore it: `mlflow runs restore {address.run}`."
            )
        logged = [model for model in self._models_named(address.path, info) if model.source_run_id == address.run]
        if len(logged) > 1:
            found = " or ".join(f"{LOGGED}{model.model_id}" for model in logged)
            raise InputError(f"{address.text} is {len(logged)} models that this run logged.", cure=f"Write {found}.")
        if logged:
            return self._logged(str(logged[0].model_id), address.text)
        parent = address.path.rpartition("/")[0]
        there = [str(one.path) for one in self._client.list_artifacts(address.run, parent or None)]
        if address.path not in there:
            raise InputError(
                f"Run {address.run} has nothing at {address.path!r}.",
                cure=f"A model has the name that it was logged with; files there: {', '.join(there[:10]) or 'none'}.",
            )
        return Origin(asked=address.text, source=f"{info.artifact_uri}/{address.path}", run=address.run)

    def _models_named(self, name: str, info: Any) -> Iterator[Any]:  # noqa: ANN401  # MLflow's object
        """Yield the logged models of this name in a run's experiment; which run's, only they themselves say."""
        token = None
        for _ in range(MOST_PAGES if "'" not in name else 0):
            page = self._client.search_logged_models(
                experiment_ids=[info.experiment_id], filter_string=f"name = '{name}'", page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _logged(self, model_id: str, asked: str) -> Origin:
        try:
            model = self._client.get_logged_model(model_id)
        except Exception as problem:
            if is_absent(problem):
                raise InputError(f"There is no logged model {model_id}.", cure="Check the address.") from problem
            raise
        status = str(getattr(model.status, "value", model.status))
        if status != READY:
            raise InputError(f"The logged model {model_id} is not finished: {status}.", cure="Log the model again.")
        return Origin(asked=asked, source=f"{LOGGED}{model_id}", run=self._living(model.source_run_id))

    def _registered(self, address: Registered) -> Origin:
        version = self._client.get_model_version(address.name, address.number)
        if str(version.status) != READY:
            raise InputError(f"{address.text} is not finished: {version.status}.", cure="Register it again.")
        return Origin(
            asked=address.text,
            source=str(version.source),
            run=self._living(version.run_id),
            version=address.number,
            digest=dict(version.tags).get(TAG_DIGEST, ""),
        )

    def _run(self, run: str) -> Any:  # noqa: ANN401
        try:
            return self._client.get_run(run)
        except Exception as problem:
            if is_absent(problem):
                raise InputError(f"There is no run {run}.", cure="Check the address, and the registry's.") from problem
            raise

    def _living(self, run: str | None) -> str:
        """Return a run that can be linked to; empty for none, and for one that was deleted."""
        if not run:
            return ""
        try:
            return run if self._run(run).info.lifecycle_stage == "active" else ""
        except InputError:
            return ""
