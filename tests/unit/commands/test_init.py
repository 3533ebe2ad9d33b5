"""What `init` writes is valid as it stands, and nothing is ever overwritten."""

from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.adapters.config_file import read_config
from ml_cicd.commands.init import Inputs, run
from ml_cicd.decide.policy import build_policy
from ml_cicd.errors import Exit, InputError
from ml_cicd.wiring import RealWorld
from tests.workflows.documents import load

INPUTS = Inputs(model_name="digits", target="eu-west", owner="acme")
FILES = ["ml-cicd.yml", ".github/workflows/ml-quality-gate.yml", ".github/workflows/ml-release.yml"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealWorld:
    """An empty repository."""
    monkeypatch.chdir(tmp_path)
    return RealWorld({}, lambda _line: None)


def test_the_files_are_valid(world: RealWorld) -> None:
    """The configuration passes the reader, its gate is a policy, and the workflows use the owner's actions."""
    report = run(INPUTS, world)
    assert report.exit_code is Exit.DONE
    assert report.outputs["files"].splitlines() == FILES
    config = read_config(Path("ml-cicd.yml"), {"MLFLOW_TRACKING_URI": "https://mlflow.example"}, required=True)
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
    assert "Would write" in run(replace(INPUTS, dry_run=True), world).headline
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", ["model_name", "target", "owner"])
@pytest.mark.parametrize("value", ["", "a b", "../x", "a: b", "x" * 33, "${{ x }}"])
def test_a_name_that_would_break_a_file_is_refused(world: RealWorld, name: str, value: str) -> None:
    """What goes into YAML is letters, digits, _ and -."""
    with pytest.raises(InputError, match=name.replace("_", "-")):
        run(replace(INPUTS, **{name: value}), world)  # type: ignore[arg-type]
    assert list(Path().iterdir()) == []
