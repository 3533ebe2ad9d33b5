"""What `init` writes is valid as it stands, and nothing is ever overwritten."""

from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.commands.init import Inputs, WriteFile, run
from ml_cicd.gate.policy import build_policy
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.shell.machine import SystemFiles
from ml_cicd.shell.wiring import RealWorld
from tests.workflows.documents import load

INPUTS = Inputs(model_name="digits", target="eu-west", owner="acme")
FILES = ["ml-cicd.yml", ".github/workflows/ml-quality-gate.yml", ".github/workflows/ml-release.yml"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealWorld:
    """An empty repository."""
    monkeypatch.chdir(tmp_path)
    return RealWorld({"MLFLOW_TRACKING_URI": "https://mlflow.example"}, lambda _line: None)


def test_the_files_are_valid(world: RealWorld) -> None:
    """The configuration passes the reader, its gate is a policy, and the workflows use the owner's actions."""
    report = run(INPUTS, world)
    assert report.exit_code is Exit.DONE
    assert report.outputs["files"].splitlines() == FILES
    config = world.config("ml-cicd.yml", required=True)
    assert config.gate is not None
    assert len(build_policy(config.gate, thresholds=None, where="x").rules) == 4
    assert (config.model, list(config.targets)) == ("digits", ["eu-west"])
    release = load(Path(FILES[2]))
    assert release["jobs"]["pipeline"]["uses"].startswith("acme/ml-cicd/")
    assert not [path for path in FILES if "OWNER/" in Path(path).read_text("utf-8")]


@pytest.mark.parametrize("there", FILES)
def test_nothing_is_overwritten(world: RealWorld, there: str) -> None:
    """One file that exists stops all three, and its content stays."""
    Path(there).parent.mkdir(parents=True, exist_ok=True)
    Path(there).write_text("mine")
    with pytest.raises(InputError, match="Already there"):
        run(INPUTS, world)
    assert [path for path in FILES if Path(path).exists()] == [there]
    assert Path(there).read_text() == "mine"


def test_a_dry_run_writes_nothing(world: RealWorld) -> None:
    """It names the files all the same."""
    report = run(replace(INPUTS, dry_run=True), world)
    assert "Would write" in report.headline
    assert report.receipt is not None
    assert report.receipt.planned == tuple(f"Write {path}" for path in FILES)
    assert list(Path().iterdir()) == []


def test_a_second_run_has_nothing_to_do(world: RealWorld) -> None:
    """What it wrote is there already: no error, and nothing is written."""
    run(INPUTS, world)
    again = run(INPUTS, world)
    assert (again.exit_code, again.outputs["files"]) == (Exit.DONE, "")
    assert "there already" in again.headline
    assert again.receipt is not None
    assert [done.changed for done in again.receipt.done] == [False, False, False]


def test_half_of_it_is_said(world: RealWorld) -> None:
    """The second file cannot be written: exit 12, what is written and what not, and the command that finishes it."""
    Path(".github").write_text("a file where a folder should be")
    report = run(INPUTS, world)
    assert (report.exit_code, report.outputs["files"]) == (Exit.PARTLY, "ml-cicd.yml")
    assert report.cure == "ml-cicd init --model-name=digits --target=eu-west --owner=acme --config=ml-cicd.yml"
    Path(".github").unlink()
    assert run(INPUTS, world).outputs["files"].splitlines() == FILES[1:]


def test_an_operation_says_what_it_did(world: RealWorld) -> None:
    """A new file has its size, one with the same text is left, one with another is never overwritten."""
    write = WriteFile(path="new.txt", text="é")
    assert (write.describe(), write.perform(SystemFiles()).result) == ("Write new.txt", "2 bytes")
    assert write.perform(SystemFiles()).changed is False
    with pytest.raises(InputError, match="exists"):
        replace(write, text="other").perform(SystemFiles())


@pytest.mark.parametrize("name", ["model_name", "target", "owner"])
@pytest.mark.parametrize("value", ["", "a b", "../x", "a: b", "x" * 33, "${{ x }}", "a\n"])
def test_a_name_that_would_break_a_file_is_refused(world: RealWorld, name: str, value: str) -> None:
    """What goes into YAML is letters, digits, _ and -."""
    with pytest.raises(InputError, match=name.replace("_", "-")):
        run(replace(INPUTS, **{name: value}), world)  # type: ignore[arg-type]
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("word", ["on", "no", "null", "y", "True"])
def test_a_name_that_yaml_reads_as_something_else(world: RealWorld, word: str) -> None:
    """Names are quoted where they stand in YAML: `on` is a target, not true."""
    run(Inputs(model_name=word, target=word, owner="acme"), world)
    config = world.config("ml-cicd.yml", required=True)
    assert (config.model, list(config.targets)) == (word, [word])
