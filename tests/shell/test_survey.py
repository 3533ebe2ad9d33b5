"""A repository is read whatever lies in it, within bounds."""

import os
import subprocess
from pathlib import Path

import pytest

from ml_cicd.shell import survey as bounds
from ml_cicd.shell.survey import survey


def test_small_texts_are_read(tmp_path: Path) -> None:
    """Files near the top come first; environments, caches and hidden folders but .github are left alone."""
    for path in ("b/deep/train.py", "a.py", ".venv/x.py", "node_modules/x.js", ".github/workflows/w.yml", ".env"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"text of {path}")
    found = survey(tmp_path)
    assert found.paths == (".env", "a.py", ".github/workflows/w.yml", "b/deep/train.py")
    assert found.text("b/deep/train.py") == "text of b/deep/train.py"
    assert (found.folder, found.remote, found.left_out) == (tmp_path.name, "", ())


def test_what_git_says(tmp_path: Path) -> None:
    """Address and branch, also before the first commit."""
    for arguments in (["init", "-q", "-b", "trunk"], ["remote", "add", "origin", "git@github.com:acme/churn.git"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    found = survey(tmp_path)
    assert (found.remote, found.branch) == ("git@github.com:acme/churn.git", "trunk")


def test_a_folder_of_a_repository(tmp_path: Path) -> None:
    """It knows where it is; the top of the repository, and a folder without one, are inside nothing."""
    folder = tmp_path / "all" / "models" / "fraud"
    folder.mkdir(parents=True)
    assert survey(folder).inside == ""
    subprocess.run(["git", "-C", str(tmp_path / "all"), "init", "-q"], check=True)
    assert survey(tmp_path / "all").inside == ""
    assert survey(folder).inside == "models/fraud"


def test_an_environment_of_packages_is_left_out(tmp_path: Path) -> None:
    """Whatever it is called: nobody's training is in there."""
    (tmp_path / "mine" / "lib").mkdir(parents=True)
    (tmp_path / "mine" / "pyvenv.cfg").touch()
    (tmp_path / "mine" / "lib" / "train.py").touch()
    assert survey(tmp_path).paths == ()


def test_what_is_no_text_is_left_out(tmp_path: Path) -> None:
    """Bytes, a pipe, a link, a loop of links and what may not be read do no harm."""
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    (tmp_path / "large.json").write_text("x" * (bounds.LARGEST_FILE + 1))
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "train.py").write_text("pass")
    found = survey(tmp_path)
    assert found.paths == ("bytes.py", "data.parquet", "large.json", "train.py")
    assert dict(found.texts) == {"train.py": "pass"}


@pytest.mark.parametrize(
    "name", ["$(touch x).py", "a`b`.py", "a\nb.py", "${{ x }}.py", " a.py", "it's.py", "\u202e.py"]
)
def test_a_name_that_could_be_misread_is_left_out(tmp_path: Path, name: str) -> None:
    """It could end in a script or in YAML; the report says how many there are."""
    (tmp_path / name).write_text("pass")
    found = survey(tmp_path)
    assert found.paths == ()
    assert found.left_out[0].startswith("1 file")


def test_a_huge_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files nearest to the top are looked at, and that is said."""
    monkeypatch.setattr(bounds, "MOST_FILES", 20)
    (tmp_path / "deep").mkdir()
    for number in range(15):
        (tmp_path / f"top{number}.py").touch()
        (tmp_path / "deep" / f"{number}.py").touch()
    found = survey(tmp_path)
    assert len(found.paths) == 20
    assert sum(path.startswith("top") for path in found.paths) == 15
    assert "Only the 20 files" in found.left_out[0]


def test_texts_have_a_bound_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many middling files are not all read."""
    monkeypatch.setattr(bounds, "LARGEST_ALL", 250)
    for number in range(5):
        (tmp_path / f"{number}.py").write_text("x" * 100)
    assert len(survey(tmp_path).texts) == 2


def test_a_deep_repository(tmp_path: Path) -> None:
    """Folders in folders are followed so far and no further."""
    folder = tmp_path
    for _ in range(40):
        folder /= "d"
    folder.mkdir(parents=True)
    (folder / "train.py").touch()
    assert survey(tmp_path).paths == ()
