"""What every place must do that holds models by address, real or fake: runs, logged models, registered versions."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from ml_cicd.ground.errors import InputError, IntegrityError
from ml_cicd.registry.addresses import Origin, Registered, read_address
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.mlflow.origins import MlflowOrigins
from ml_cicd.registry.mlflow.versions import MlflowRegistry
from ml_cicd.registry.ports import ModelOrigins
from ml_cicd.registry.versions import NewVersion
from tests.contracts.mlflow_process import mlflow_server
from tests.fakes.model_folder import model_folder
from tests.fakes.origins import FakeOrigins

IN_MLFLOW = pytest.mark.parametrize("shelf", ["sqlite", "http"], indirect=True, scope="module")  # the fake copies
IMAGE = f"ghcr.io/team/app@sha256:{'0a' * 32}"


class Shelf(Protocol):
    """A place, and how a training job would put things there."""

    @property
    def origins(self) -> ModelOrigins:
        """What is tested."""

    def run(self) -> str:
        """Begin a run."""

    def delete(self, run: str) -> None:
        """Delete a run."""

    def artifact(self, run: str, model: Path, folder: str) -> None:
        """Log a file or a folder as an artifact of a run, in a folder there (empty: at its top)."""

    def logged(self, run: str, name: str, model: Path, *, finished: bool = True) -> str:
        """Log a model as MLflow 3 does; return its name."""

    def version(self, name: str, model: Path) -> str:
        """Register a version; return its number."""


@dataclass
class FakeShelf:
    """In memory."""

    origins: FakeOrigins

    def run(self) -> str:
        """Begin."""
        run = uuid.uuid4().hex
        self.origins.runs[run] = "active"
        return run

    def delete(self, run: str) -> None:
        """Delete."""
        self.origins.runs[run] = "was deleted"
        self.origins.logged = {model: "" if by == run else by for model, by in self.origins.logged.items()}

    def artifact(self, run: str, model: Path, folder: str) -> None:
        """Log."""
        path = "/".join(filter(None, (folder, model.name if model.is_file() or not folder else "")))
        self.origins.folders[f"runs:/{run}/{path}"] = str(model)

    def logged(self, run: str, name: str, model: Path, *, finished: bool = True) -> str:
        """Log."""
        found = f"m-{uuid.uuid4().hex}"
        self.origins.logged[found] = run
        self.origins.named.append((run, name, found))
        self.origins.folders[f"models:/{found}"] = str(model)
        self.origins.unfinished |= set() if finished else {found}
        return found

    def version(self, name: str, model: Path) -> str:
        """Register."""
        image = not model.exists()
        source = f"docker://{model}" if image else f"models:/{self.logged('', name, model)}"
        origin = Origin(asked="", source=source, version="1", digest=payload_digest(model))
        self.origins.registered[name, "1"] = origin
        return "1"


class MlflowShelf:
    """In MLflow."""

    def __init__(self, uri: str) -> None:
        """Ask MLflow's own client to put things there."""
        from mlflow import MlflowClient

        self.registry = MlflowRegistry(uri)
        self.origins = MlflowOrigins(uri)
        self.client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.experiment = self.registry._experiment()

    def run(self) -> str:
        """Begin."""
        return str(self.client.create_run(self.experiment).info.run_id)

    def delete(self, run: str) -> None:
        """Delete."""
        self.client.delete_run(run)

    def artifact(self, run: str, model: Path, folder: str) -> None:
        """Log."""
        if model.is_file():
            self.client.log_artifact(run, str(model), folder or None)
        else:
            self.client.log_artifacts(run, str(model), folder or model.name)

    def logged(self, run: str, name: str, model: Path, *, finished: bool = True) -> str:
        """Log."""
        made = self.client.create_logged_model(self.experiment, name=name, source_run_id=run)
        self.client.log_model_artifacts(made.model_id, str(model))
        if finished:
            self.client.finalize_logged_model(made.model_id, "READY")
        return str(made.model_id)

    def version(self, name: str, model: Path) -> str:
        """Register."""
        wanted = NewVersion(name=name, folder=str(model), digest=payload_digest(model), key="key", tags={})
        return self.registry.register(wanted)[0].number


@pytest.fixture(scope="module", params=["fake", "sqlite", "http"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """One place of each kind for all tests."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "fake":
        yield FakeShelf(FakeOrigins())
    elif request.param == "sqlite":
        yield MlflowShelf(f"sqlite:///{folder}/registry.db")
    else:
        with mlflow_server(folder) as uri:
            yield MlflowShelf(uri)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder."""
    return model_folder(tmp_path / "model")


def brought(shelf: Shelf, text: str, folder: Path) -> tuple[Origin, str]:
    """Look an address up and bring what is there; return its digest, too."""
    origin = shelf.origins.locate(read_address(text))
    folder.mkdir()
    return origin, payload_digest(Path(shelf.origins.bring(origin, str(folder))))


def test_an_artifact_of_a_run(shelf: Shelf, model: Path, tmp_path: Path) -> None:
    """A folder and a file that a run logged, at its top or below, come as they were; the run is known."""
    run = shelf.run()
    file = tmp_path / "model.onnx"
    file.write_bytes(b"graph")
    shelf.artifact(run, model, "")
    shelf.artifact(run, model, "deep/er")
    shelf.artifact(run, file, "files")
    for number, (path, same) in enumerate({"model": model, "deep/er": model, "files/model.onnx": file}.items()):
        origin, digest = brought(shelf, f"runs:/{run}/{path}", tmp_path / str(number))
        assert (origin.run, digest) == (run, payload_digest(same))


def test_a_model_that_a_run_logged(shelf: Shelf, model: Path, tmp_path: Path) -> None:
    """By its own address and by its name in the run it is the same logged model, of this run and no other."""
    run, other = shelf.run(), shelf.run()
    shelf.logged(other, "net", model_folder(tmp_path / "other", weights=b"other"))
    logged = shelf.logged(run, "net", model)
    for number, text in enumerate((f"models:/{logged}", f"runs:/{run}/net")):
        origin, digest = brought(shelf, text, tmp_path / str(number))
        assert (origin.source, origin.run, digest) == (f"models:/{logged}", run, payload_digest(model))


def test_two_models_of_one_name_are_a_question(shelf: Shelf, model: Path) -> None:
    """A run may log several under one name; nobody guesses which, and both are named."""
    run = shelf.run()
    both = [shelf.logged(run, "net", model) for _ in range(2)]
    with pytest.raises(InputError) as caught:
        shelf.origins.locate(read_address(f"runs:/{run}/net"))
    assert all(f"models:/{one}" in caught.value.cure for one in both)


def test_a_registered_version(shelf: Shelf, model: Path, tmp_path: Path) -> None:
    """It comes with its number and the digest that it was registered with; of an image nothing is pulled."""
    number = shelf.version("origin-of-a-version", model)
    origin, digest = brought(shelf, f"models:/origin-of-a-version/{number}", tmp_path / "there")
    assert (origin.version, origin.digest, digest) == (number, payload_digest(model), payload_digest(model))
    shelf.version("origin-of-an-image", Path(IMAGE))
    image = shelf.origins.locate(Registered(text="models:/i/1", name="origin-of-an-image", number="1"))
    assert shelf.origins.bring(image, str(tmp_path)) == IMAGE


def test_what_is_not_there_is_one_sentence(shelf: Shelf, model: Path) -> None:
    """No such run, nothing at that path, no such model, an unfinished one, a deleted run: each says which it is."""
    run, gone = shelf.run(), shelf.run()
    shelf.artifact(run, model, "")
    shelf.artifact(gone, model, "")
    shelf.delete(gone)
    half = shelf.logged(run, "half", model, finished=False)
    for text, said in {
        f"runs:/{'0' * 32}/model": "no run",
        f"runs:/{run}/modle": "nothing at 'modle'",
        f"runs:/{run}/model/datum": "nothing at 'model/datum'",
        f"runs:/{gone}/model": "was deleted",
        f"models:/m-{'0' * 32}": "There is no logged model",
        f"models:/{half}": "is not finished",
        f"runs:/{run}/half": "is not finished",
    }.items():
        with pytest.raises(InputError, match=said) as caught:
            shelf.origins.locate(read_address(text))
        assert "\n" not in str(caught.value)


def test_a_model_of_a_deleted_run_has_no_run(shelf: Shelf, model: Path) -> None:
    """The model is there all the same; nothing can be linked to the run."""
    run = shelf.run()
    logged = shelf.logged(run, "net", model)
    shelf.delete(run)
    assert shelf.origins.locate(read_address(f"models:/{logged}")).run == ""


def test_a_run_is_annotated_once(shelf: Shelf) -> None:
    """Metrics and tags are written where the run does not say them yet, and not a second time."""
    run = shelf.run()
    numbers, tags = {"gate.accuracy": 0.97, "gate.accuracy.low": 0.96}, {"mlcicd.gate_verdict": "pass"}
    assert shelf.origins.annotate(run, numbers, tags)
    assert not shelf.origins.annotate(run, numbers, tags)
    assert shelf.origins.annotate(run, {**numbers, "gate.accuracy": 0.98}, tags)
    if isinstance(shelf, MlflowShelf):
        known = shelf.client.get_run(run).data
        assert known.metrics == {"gate.accuracy": 0.98, "gate.accuracy.low": 0.96}
        assert known.tags["mlcicd.gate_verdict"] == "pass"
        assert len(shelf.client.get_metric_history(run, "gate.accuracy.low")) == 1


def by_source(name: str, model: Path, origin: Origin) -> NewVersion:
    """Ask for a version of what is there already; the folder is what it was brought to."""
    return NewVersion(
        name=name,
        folder=str(model),
        digest=payload_digest(model),
        key="key",
        tags={},
        source=origin.source,
        run=origin.run,
        description="why",
    )


@IN_MLFLOW
@pytest.mark.parametrize("kind", ["logged", "folder", "file"])
def test_what_was_logged_is_registered_from_there(shelf: MlflowShelf, model: Path, tmp_path: Path, kind: str) -> None:
    """Nothing is uploaded: the version's source is what the run logged; it has the run, the description, the bytes."""
    run, file = shelf.run(), tmp_path / "model.onnx"
    file.write_bytes(b"graph")
    if kind == "logged":
        shelf.logged(run, "net", model)
    else:
        shelf.artifact(run, model if kind == "folder" else file, "net" if kind == "folder" else "")
    given = file if kind == "file" else model
    origin = shelf.origins.locate(read_address(f"runs:/{run}/{'model.onnx' if kind == 'file' else 'net'}"))
    before = len(shelf.client.search_logged_models([shelf.experiment]))
    wanted = by_source(f"from-{kind}", given, origin)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: shelf.registry.register(wanted), range(4)))
    assert [created for _, created in answers].count(True) == 1
    assert len(shelf.client.search_logged_models([shelf.experiment])) == before
    (version,) = shelf.registry.snapshot(wanted.name).versions
    assert payload_digest(Path(shelf.registry.download(version, str(tmp_path)))) == payload_digest(given)
    known = shelf.client.get_model_version(wanted.name, version.number)
    assert (known.source, known.run_id, known.description) == (origin.source, run, "why")
    again = shelf.origins.locate(read_address(version.uri))
    assert (again.source, again.run, again.digest) == (origin.source, run, wanted.digest)


@IN_MLFLOW
def test_what_changed_since_it_was_judged_is_refused(shelf: MlflowShelf, model: Path, tmp_path: Path) -> None:
    """The bytes are read back from where they were logged: they are not what the gate saw, so nothing follows them."""
    logged = shelf.logged(shelf.run(), "net", model_folder(tmp_path / "other", weights=b"other"))
    origin = shelf.origins.locate(read_address(f"models:/{logged}"))
    with pytest.raises(IntegrityError):
        shelf.registry.register(by_source("changed", model, origin))


@IN_MLFLOW
def test_a_version_of_a_version_is_registered_from_there(shelf: MlflowShelf, model: Path) -> None:
    """A registered version can be given to another name; it has the same source."""
    number = shelf.version("first-name", model)
    origin = shelf.origins.locate(read_address(f"models:/first-name/{number}"))
    version, _ = shelf.registry.register(by_source("second-name", model, origin))
    assert shelf.client.get_model_version("second-name", version.number).source == origin.source
    copied = shelf.client.copy_model_version(f"models:/first-name/{number}", "third-name")
    origin = shelf.origins.locate(read_address(f"models:/third-name/{copied.version}"))
    assert shelf.registry.register(by_source("fourth-name", model, origin))[1]
