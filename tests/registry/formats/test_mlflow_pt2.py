"""The static look at a model's files, by the first format that recognises them."""

import os
from importlib import import_module
from pathlib import Path

import pytest

from ml_cicd.registry.doors import FORMATS
from ml_cicd.registry.formats.scan import violations
from tests.fakes.model_folder import MLMODEL, model_folder


def look(path: Path) -> tuple[str, ...]:
    """Look as the command does."""
    return violations(path, [import_module(FORMATS[name]) for name in FORMATS])


def test_plain_pt2_is_allowed(tmp_path: Path) -> None:
    """What mlflow.pytorch saves by default has no violation."""
    assert look(model_folder(tmp_path / "a")) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loader_module: mlflow.pytorch", "loader_module: evil"),
        ("loader_module: mlflow.pytorch", "loader_module: mlflow.pyfunc.model"),
        ("{data: data, ", "{code: code, data: data, "),
        ("{data: data, ", "{data: ../elsewhere, "),
        ("{data: data, ", "{python_model: p.pkl, data: data, "),
        ("model_data: data", "model_data: /tmp"),
        ("  pytorch:", "  sklearn:"),
        ("flavors:", "flavours:"),
    ],
)
def test_code_in_mlmodel_is_a_violation(tmp_path: Path, old: str, new: str) -> None:
    """Loaders, code paths, foreign flavors and data elsewhere are refused."""
    folder = model_folder(tmp_path / "a")
    (folder / "MLmodel").write_text(MLMODEL.replace(old, new))
    assert look(folder)


@pytest.mark.parametrize("name", ["data/model.pth", "data/pickle_module_info.txt", "code/evil.py", "model.pkl"])
def test_unknown_file_is_a_violation(tmp_path: Path, name: str) -> None:
    """An allow-list: pickles and code are refused by not being on it."""
    folder = model_folder(tmp_path / "a")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    assert name in "; ".join(look(folder))


def test_what_is_no_model_is_a_violation(tmp_path: Path) -> None:
    """A pickled file and a folder without MLmodel cannot be looked through, so they are refused."""
    (tmp_path / "m.pth").write_bytes(b"\x80\x04")
    (tmp_path / "folder").mkdir()
    assert look(tmp_path / "m.pth")
    assert look(tmp_path / "folder")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file.pth", "file.pth/MLmodel cannot be read: [Errno 20] Not a directory"),
        ("empty", "empty/MLmodel cannot be read: [Errno 2] No such file or directory"),
        ("absent", "absent/MLmodel cannot be read: [Errno 2] No such file or directory"),
        ("piped", "piped/MLmodel is a special file"),
        ("folded", "folded/MLmodel cannot be read: [Errno 21] Is a directory"),
    ],
)
def test_what_no_format_recognises_says_why(tmp_path: Path, name: str, says: str) -> None:
    """Nothing that cannot be looked through passes, and a pipe does not hold the look up."""
    (tmp_path / "file.pth").write_bytes(b"\x80\x04")
    for folder in ("empty", "piped", "folded/MLmodel"):
        (tmp_path / folder).mkdir(parents=True)
    os.mkfifo(tmp_path / "piped" / "MLmodel")
    assert says in "; ".join(look(tmp_path / name))


def test_no_format_at_all_lets_nothing_pass(tmp_path: Path) -> None:
    """A model whose format is not in the table is refused, however plain it is."""
    assert violations(model_folder(tmp_path / "a"), ()) == (f"{tmp_path / 'a'} is of no known format",)


def test_links_are_violations(tmp_path: Path) -> None:
    """A link to a file with a known name could point elsewhere after this look."""
    folder = model_folder(tmp_path / "a")
    (folder / "MLmodel").rename(tmp_path / "elsewhere")
    (folder / "MLmodel").symlink_to(tmp_path / "elsewhere")
    assert look(folder) == ("file 'MLmodel' is not one of a plain pt2 model",)
