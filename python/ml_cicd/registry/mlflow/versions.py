"""Versions and aliases in MLflow (registry.ports.ModelRegistry)."""

import re
import tempfile
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ml_cicd.ground.errors import Conflict, InputError, IntegrityError, MlCicdError, NotFound
from ml_cicd.ground.finding import Finding, Outcome, broken
from ml_cicd.registry.formats.image import image_digest, is_image
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.mlflow.abilities import check_abilities
from ml_cicd.registry.mlflow.client import connect, mapped, point_at, sqlite_file
from ml_cicd.registry.versions import TAG_DIGEST, TAG_KEY, ModelVersion, NewVersion, RegistrySnapshot, check_model_name

EXPERIMENT = "ml-cicd"
TAG_SUPERSEDED = "mlcicd.superseded_by"
IMAGE = "docker://"  # how tools of containers write that an address is an image's
LOGGED = "models:/"
PAGE = 1000
MOST_PAGES = 100
TRIES = 2
NEWEST_FIRST = ["version_number DESC"]


class MlflowRegistry:
    """One tracking server or sqlite file."""

    def __init__(self, uri: str, fetch: Callable[[], None] = lambda: None) -> None:
        """Connect; fails within seconds when nobody answers. `fetch` makes MLflow importable before it is needed."""
        self._uri = uri
        self._client = connect(uri, fetch)

    def snapshot(self, name: str) -> RegistrySnapshot:
        """Read all versions and aliases of a model."""
        check_model_name(name)
        with mapped(self._uri):
            try:
                model = self._client.get_registered_model(name)
            except Exception as problem:
                if is_absent(problem):
                    return RegistrySnapshot(name=name, versions=(), aliases={})
                raise
            versions = tuple(_version(v) for v in search(self._client, f"name='{name}'"))
            aliases = {alias: str(number) for alias, number in dict(model.aliases).items()}
        return RegistrySnapshot(name=name, versions=versions, aliases=aliases)

    def examine(self) -> tuple[Finding, ...]:
        """Say whether the server can hold what `register` writes."""
        try:
            check_abilities(self._client, self._uri)
        except MlCicdError as problem:
            return (broken("logged models", problem.what, problem.cure),)
        return (Finding(rule="logged models", outcome=Outcome.PASS, reason="the server has them"),)

    def register(self, wanted: NewVersion) -> tuple[ModelVersion, bool]:
        """Create one version with all its tags in one call, or return the one with the same key.

        Safe to repeat and to race: the lowest version with the key is the canonical one, a ghost of a race is deleted.
        The bytes are read back and must have the wanted digest before anyone can point an alias at them.
        """
        check_model_name(wanted.name)
        with mapped(self._uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            point_at(self._uri)
            check_abilities(self._client, self._uri)  # before anything is created
            ensure_model(self._client, wanted.name)
            found = self._with_key(wanted)
            created = None
            if not found:
                created = self._create(wanted)
                # Looked up again: MLflow has no unique key, so two runs may both have found nothing and created.
                found = self._with_key(wanted)
                if any(str(ghost.version) == created for ghost in found[1:]):
                    self._give_way(wanted.name, created, to=str(found[0].version))
        if not found:
            raise Conflict(f"A version of {wanted.name} went away while it was registered.", cure="Register again.")
        version = _version(found[0])
        if version.digest != wanted.digest:
            raise IntegrityError(
                f"Version {version.number} has the key but not the digest that was asked for.",
                cure="Somebody changed its tags; register under another name, or mend them.",
            )
        self._verify(version, wanted.digest)
        return version, version.number == created

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Point an alias at a version, and read it back."""
        check_model_name(name)
        with mapped(self._uri):
            if self._alias(name, alias) == version:
                return False
            problem: Exception | None = None
            # Twice: of two first writers of an alias one meets the other's row, and MLflow gives it an error.
            for _ in range(TRIES):
                problem = self._try_alias(name, alias, version)
                if self._alias(name, alias) == version:
                    return True
            if problem is not None:
                raise problem
        raise Conflict(f"Alias {alias} of {name} does not stay at version {version}.", cure="Who else sets it?")

    def download(self, version: ModelVersion, folder: str) -> str:
        """Copy a version's files into a new folder below `folder`, return its path; the source is not touched.

        The caller checks the digest.

        Raises:
            InputError: the version is an image, which is pulled by its address.
        """
        with mapped(self._uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = str(self._client.get_model_version(version.name, version.number).source)
            if source.startswith(IMAGE):
                image = source.removeprefix(IMAGE)
                raise InputError(
                    f"Version {version.number} of {version.name} is the image {image}, which has no files here.",
                    cure=f"Pull it: docker pull {image}",
                )
            return downloaded(self._uri, source, folder, prefix=f"{version.number}-")

    def _try_alias(self, name: str, alias: str, version: str) -> Exception | None:
        """Write an alias; return what went wrong, because only reading it back says whether it matters."""
        try:
            self._client.set_registered_model_alias(name, alias, version)
        except Exception as problem:  # noqa: BLE001  # raised by the caller if the alias is not there
            return problem
        return None

    def _alias(self, name: str, alias: str) -> str | None:
        number = dict(self._client.get_registered_model(name).aliases).get(alias)
        return None if number is None else str(number)

    def _with_key(self, wanted: NewVersion) -> list[Any]:
        return search(self._client, f"name='{wanted.name}' and tags.`{TAG_KEY}`='{wanted.key}'")

    def _create(self, wanted: NewVersion) -> str:
        tags = {**wanted.tags, TAG_DIGEST: wanted.digest, TAG_KEY: wanted.key}
        if is_image(Path(wanted.folder)):
            source = f"{IMAGE}{wanted.folder}"
        else:
            source = wanted.source or f"{LOGGED}{self._upload(wanted)}"
        made = self._client.create_model_version(
            wanted.name,
            source,
            # Of a logged model MLflow knows the run itself, and refuses to be told another one.
            run_id=None if source.startswith(LOGGED) else wanted.run or None,
            model_id=_logged_model(source),
            tags=tags,
            description=wanted.description or None,
            await_creation_for=0,
        )
        return str(made.version)

    def _upload(self, wanted: NewVersion) -> str:
        """Log a folder, or a file as a folder that holds it alone; return the logged model's name."""
        model = self._client.create_logged_model(self._experiment(), name=_logged_name(wanted.name))
        if Path(wanted.folder).is_file():
            self._client.log_model_artifact(model.model_id, wanted.folder)
        else:
            self._client.log_model_artifacts(model.model_id, wanted.folder)
        self._client.finalize_logged_model(model.model_id, "READY")
        return str(model.model_id)

    def _give_way(self, name: str, ghost: str, *, to: str) -> None:
        """Remove the version that lost a race, or say that it lost: to delete needs more rights than to register."""
        try:
            self._client.delete_model_version(name, ghost)
        except Exception:  # noqa: BLE001  # the canonical version is the lowest either way
            self._client.set_model_version_tag(name, ghost, TAG_SUPERSEDED, to)

    def _experiment(self) -> str:
        """Return our experiment; a sqlite registry keeps its files beside the database, not in the current folder."""
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            where = None
            if urlsplit(self._uri).scheme == "sqlite":
                where = (sqlite_file(self._uri).parent / "ml-cicd-artifacts").as_uri()
            try:
                return str(self._client.create_experiment(EXPERIMENT, artifact_location=where))
            except Exception:
                found = self._client.get_experiment_by_name(EXPERIMENT)
                if found is None:  # else another run was faster
                    raise
        return str(found.experiment_id)

    def _verify(self, version: ModelVersion, digest: str) -> None:
        """Hash what the registry holds, each time: tags are claims, and artifacts can be changed behind a version."""
        source = str(self._client.get_model_version(version.name, version.number).source)
        if source.startswith(IMAGE):
            there = image_digest(source.removeprefix(IMAGE))
        else:
            with tempfile.TemporaryDirectory(prefix="ml-cicd-") as folder:
                there = payload_digest(Path(self.download(version, folder)))
        if there != digest:
            raise IntegrityError(
                f"The registry holds {there} for version {version.number} of {version.name}, not {digest}.",
                cure="Somebody changed its artifacts; delete that version and register again.",
            )


def downloaded(uri: str, source: str, folder: str, *, prefix: str = "") -> str:
    """Copy what lies at a source into a new folder below `folder`; return its path."""
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415  # slow to import, and perhaps fetched now

    target = tempfile.mkdtemp(prefix=prefix, dir=folder)
    return str(download_artifacts(artifact_uri=source, dst_path=target, tracking_uri=uri))


def ensure_model(client: Any, name: str) -> None:  # noqa: ANN401  # MLflow's client is not typed
    """Create a registered model unless it is there; whoever may only edit is not asked to create."""
    if _is_there(client, name):
        return
    try:
        client.create_registered_model(name)
    except Exception:
        if not _is_there(client, name):  # else another run was faster
            raise


def search(client: Any, query: str) -> list[Any]:  # noqa: ANN401
    """Return all versions that match, oldest first."""
    found: list[Any] = []
    token = None
    for _ in range(MOST_PAGES):
        page = client.search_model_versions(query, max_results=PAGE, page_token=token)
        found += list(page)
        token = page.token
        if not token:
            return sorted(found, key=lambda v: int(v.version))
    raise NotFound(f"More than {PAGE * MOST_PAGES} versions match {query!r}.", cure="Delete old versions.")


def newest_of(client: Any, query: str, most: int) -> tuple[list[Any], bool]:  # noqa: ANN401
    """Return the newest versions that match, oldest first, and whether there are older ones."""
    page = client.search_model_versions(query, max_results=most, page_token=None, order_by=NEWEST_FIRST)
    return sorted(page, key=lambda v: int(v.version)), bool(page.token)


def _is_there(client: Any, name: str) -> bool:  # noqa: ANN401
    try:
        client.get_registered_model(name)
    except Exception as problem:
        if is_absent(problem):
            return False
        raise
    return True


def is_absent(problem: Exception) -> bool:
    """Whether MLflow says that it does not know the model; any other failure is no answer."""
    return getattr(problem, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


def _version(found: Any) -> ModelVersion:  # noqa: ANN401
    number, made = str(found.version), found.creation_timestamp  # in milliseconds
    return ModelVersion(
        name=found.name,
        number=number,
        uri=f"models:/{found.name}/{number}",
        tags=dict(found.tags),
        registered_at=datetime.fromtimestamp(int(made) // 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if made else "",
    )


def _logged_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)


def _logged_model(source: str) -> str | None:
    """Return the logged model that a source is; None for an artifact, and for a version of a registered model."""
    name = source.removeprefix(LOGGED)
    return name if source.startswith(f"{LOGGED}m-") and "/" not in name else None
