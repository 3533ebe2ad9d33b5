"""The static look at a model's files, by the first format that recognises them."""

import os
from pathlib import Path

import pytest

from ml_cicd.registry import doors
from ml_cicd.registry.formats import scan
from ml_cicd.registry.formats.scan import Format, formats
from ml_cicd.registry.look import NOTHING_ALLOWED, Allowed, Look
from tests.fakes.model_folder import MLMODEL, model_folder


def look(path: Path) -> tuple[str, ...]:
    """Look as the command does."""
    return scan.look(path).violations


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
        ("file.xyz", "the file {} is of no known format"),
        ("empty", "the folder {} is of no known format"),
        ("absent", "{} cannot be read (No such file or directory)"),
        ("piped", "the folder {} is of no known format"),
        ("folded", "the folder {} is of no known format"),
        ("pipe.pt2", "{} is neither a file nor a folder"),
    ],
)
def test_what_no_format_recognises_says_what_is(tmp_path: Path, name: str, says: str) -> None:
    """Nothing that cannot be looked through passes, the way out names every format, and a pipe holds no look up."""
    (tmp_path / "file.xyz").write_bytes(b"hello")
    for folder in ("empty", "piped", "folded/MLmodel"):
        (tmp_path / folder).mkdir(parents=True)
    os.mkfifo(tmp_path / "piped" / "MLmodel")
    os.mkfifo(tmp_path / "pipe.pt2")
    found = scan.look(tmp_path / name)
    assert found.violations == (says.format(tmp_path / name),)
    assert all(known.name in found.way_out for known in formats())


def test_the_one_model_in_a_folder_of_other_things_is_named(tmp_path: Path) -> None:
    """A file with the metrics beside it is a common folder; of two models none is guessed."""
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04N.")
    assert scan.look(tmp_path).way_out.endswith(str(tmp_path / "model.pkl"))
    (tmp_path / "more.pkl").write_bytes(b"\x80\x04N.")
    assert scan.look(tmp_path).way_out.startswith("Recognised are")


def test_no_format_at_all_lets_nothing_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose format is not in the table is refused, however plain it is."""
    monkeypatch.setattr(scan, "FORMATS", {})
    assert look(model_folder(tmp_path / "a")) == (f"the folder {tmp_path / 'a'} is of no known format",)


def test_what_was_allowed_is_kept_only_where_it_was_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain model leaves no trace of allowances that it had no use for; one that passes by them says so."""

    def refuses(_path: Path, allowed: Allowed) -> tuple[str, ...]:
        """Refuse without code."""
        return () if allowed.code else ("it has code",)

    coded = Format(
        name="x",
        recognised="x",
        looked_at="x",
        refused="x",
        way_out="x",
        recognises=lambda _: True,
        violations=refuses,
        code=lambda _: ("m.py",),
    )
    (tmp_path / "m.py").write_text("")
    allowed = Allowed(code=True)
    assert scan.look(model_folder(tmp_path / "a"), allowed).allowed == NOTHING_ALLOWED
    (tmp_path / "a").rename(tmp_path.parent / "moved")
    monkeypatch.setattr(scan, "formats", lambda _names=None: iter((coded,)))
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    passed = Look(format="x", way_out="x", allowed=allowed, code=(f"m.py sha256:{empty}",))
    assert scan.look(tmp_path, allowed) == passed
    assert scan.look(tmp_path).violations == ("it has code",)


def test_the_table_of_formats_is_whole() -> None:
    """Each module of the table exports its format, with texts that are sentences' parts and names that differ."""
    known = list(formats())
    assert len({one.name for one in known}) == len(doors.FORMATS)
    for one in known:
        assert all((one.name, one.recognised, one.looked_at, one.refused))
        assert one.way_out.endswith(".")


def test_links_are_violations(tmp_path: Path) -> None:
    """A link to a file with a known name could point elsewhere after this look."""
    folder = model_folder(tmp_path / "a")
    (folder / "MLmodel").rename(tmp_path / "elsewhere")
    (folder / "MLmodel").symlink_to(tmp_path / "elsewhere")
    assert look(folder) == ("'MLmodel' is a link or a special file",)
