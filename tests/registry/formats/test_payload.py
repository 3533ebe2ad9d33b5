"""The payload digest."""

import hashlib
import os
from pathlib import Path

import pytest

from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.registry.formats.payload import payload_digest
from tests.fakes.model_folder import MLMODEL, model_folder


def test_digest_survives_relogging(tmp_path: Path) -> None:
    """What MLflow changes at every logging does not change the digest, nor does the file it adds to downloads."""
    first, second = model_folder(tmp_path / "a"), model_folder(tmp_path / "b")
    (second / "MLmodel").write_text(MLMODEL.replace("m-1", "m-2").replace("11:00", "12:34"))
    (second / "registered_model_meta").write_text("model_name: x\n")
    assert payload_digest(first) == payload_digest(second)


@pytest.mark.parametrize("change", ["weights", "name", "new file", "MLmodel"])
def test_digest_sees_every_change(tmp_path: Path, change: str) -> None:
    """Bytes, names, additional files and the meaning of MLmodel are all in the digest."""
    folder = model_folder(tmp_path / "a")
    before = payload_digest(folder)
    match change:
        case "weights":
            (folder / "data" / "model.pt2").write_bytes(b"weightS")
        case "name":
            (folder / "data" / "model.pt2").rename(folder / "data" / "other.pt2")
        case "new file":
            (folder / "data" / "x").touch()
        case _:
            (folder / "MLmodel").write_text(MLMODEL.replace("mlflow.pytorch", "evil"))
    assert payload_digest(folder) != before


def test_a_file_is_a_folder_with_one_file(tmp_path: Path) -> None:
    """A registry gives a file back in a folder, under the same digest; its name counts, which says its format."""
    (tmp_path / "folder").mkdir()
    for name in ("m.onnx", "folder/m.onnx", "m.pkl"):
        (tmp_path / name).write_bytes(b"weights")
    assert payload_digest(tmp_path / "m.onnx") == payload_digest(tmp_path / "folder")
    assert payload_digest(tmp_path / "m.onnx") != payload_digest(tmp_path / "m.pkl")
    assert payload_digest(tmp_path / "m.onnx") == (
        "sha256:93b84b7061db9236b3c2afd1b392ea893f566776204a18c30464453522e2c48b"
    )


def test_an_image_has_the_digest_of_its_address() -> None:
    """Nothing is pulled: the address says the digest; one without is no model."""
    digest = f"sha256:{'0a' * 32}"
    for name in ("app", "ghcr.io/team/app", "localhost:5000/team/app:v1.2"):
        assert payload_digest(Path(f"{name}@{digest}")) == digest
    for name in ("ghcr.io/team/app:v1", "ghcr.io/team/app@sha256:0a", f"ghcr.io/../app@{digest}", f"@{digest}"):
        with pytest.raises(InputError):
            payload_digest(Path(name))


def test_links_and_pipes_are_refused(tmp_path: Path) -> None:
    """A link could change what is hashed after it was hashed; a pipe would hang."""
    linked, folded, piped = (model_folder(tmp_path / name) for name in "abc")
    (linked / "data" / "more").symlink_to("/etc/hostname")
    (folded / "more").symlink_to(tmp_path)
    os.mkfifo(piped / "data" / "pipe")
    for folder in (linked, folded, piped):
        with pytest.raises(EvidenceError, match="link or a special file"):
            payload_digest(folder)


def test_a_line_end_in_a_name_is_refused(tmp_path: Path) -> None:
    """What follows it would read as another file with its digest, one that nobody has looked at."""
    two, one = tmp_path / "two", tmp_path / "one"
    for folder in (two, one):
        folder.mkdir()
        (folder / "a").write_text("plain")
    (two / "b").write_text("evil")
    (one / "a").rename(one / f"a\n{hashlib.sha256(b'evil').hexdigest()}  b")
    assert payload_digest(two)
    for path in (one, next(one.iterdir())):
        with pytest.raises(EvidenceError, match="line end"):
            payload_digest(path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    """An absent path, an empty folder and a link to a model are not a model."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(model_folder(tmp_path / "model"))
    for name, says in (("absent", "not a model"), ("empty", "empty folder"), ("link", "is a link")):
        with pytest.raises(InputError, match=says):
            payload_digest(tmp_path / name)


def test_broken_mlmodel_is_refused(tmp_path: Path) -> None:
    """An MLmodel that is no YAML mapping has no digest."""
    folder = model_folder(tmp_path / "a")
    for text in ("[", "- 1", "!!python/object/apply:os.system [true]"):
        (folder / "MLmodel").write_text(text)
        with pytest.raises(EvidenceError):
            payload_digest(folder)


def test_the_digest_is_pinned(tmp_path: Path) -> None:
    """Digests lie in registries and reports: the same files have the same digest in every version of ml-cicd."""
    (tmp_path / "m" / "data").mkdir(parents=True)
    (tmp_path / "m" / "MLmodel").write_text(MLMODEL)
    (tmp_path / "m" / "data" / "w").write_bytes(b"weights")
    assert payload_digest(tmp_path / "m") == "sha256:8aed870ef5c1e111e8ff3892097fc1dfd379bc8b131c0d8e32ebf213ee3cfcf3"
