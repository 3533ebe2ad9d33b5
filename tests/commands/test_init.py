"""`init` reads the repository, writes what runs, says what it guessed, and never overwrites."""

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.commands.init import Inputs, WriteFile, run
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.shell import streams
from ml_cicd.shell.machine import SystemFiles
from ml_cicd.shell.wiring import RealWorld

INPUTS = Inputs(model_name="digits", owner="acme", yes=True)
FILES = ["ml-cicd.yml", ".github/workflows/ml-quality-gate.yml"]
RELEASE = ".github/workflows/ml-release.yml"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealWorld:
    """A small repository of scikit-learn's kind."""
    monkeypatch.chdir(tmp_path)
    Path("requirements.txt").write_text("scikit-learn\n")
    Path("train.py").write_text("import sklearn\njoblib.dump(m, 'model.joblib')\n")
    Path("evaluate.py").write_text("open('metrics.json', 'w').write(json.dumps({'acc': a}))\n")
    return RealWorld({"MLFLOW_TRACKING_URI": "https://mlflow.example"}, lambda _line: None)


def test_the_files_run_what_is_there(world: RealWorld) -> None:
    """The configuration names the evaluation's file, the workflow its commands, and the report why."""
    report = run(INPUTS, world)
    assert report.exit_code is Exit.DONE
    assert report.outputs["files"].splitlines() == FILES
    assert "metrics: metrics.json" in Path(FILES[0]).read_text("utf-8")
    assert "          python train.py\n" in Path(FILES[1]).read_text("utf-8")
    found = {row[0]: row[1:] for row in report.tables[0].rows}
    assert found["train"] == ("python train.py", "its name", "")
    assert found["branch"] == ("main", "the usual name", "a guess")
    assert "python train.py && python evaluate.py && ml-cicd quality-gate --model model.joblib" in report.cure


def test_a_second_run_has_nothing_to_do(world: RealWorld) -> None:
    """What it wrote is there already: no error, and nothing is written."""
    run(INPUTS, world)
    again = run(INPUTS, world)
    assert (again.exit_code, again.outputs["files"]) == (Exit.DONE, "")
    assert "there already" in again.headline
    assert again.receipt is not None
    assert [done.changed for done in again.receipt.done] == [False, False]


@pytest.mark.parametrize("there", FILES)
def test_nothing_is_overwritten(world: RealWorld, there: str) -> None:
    """A file with another text stays, the report says what would differ, and the others are written."""
    Path(there).parent.mkdir(parents=True, exist_ok=True)
    Path(there).write_text("mine: 1\n")
    report = run(INPUTS, world)
    assert Path(there).read_text() == "mine: 1\n"
    assert report.outputs["files"].splitlines() == [path for path in FILES if path != there]
    assert any(f"{there} stays as it is" in note and "- mine: 1" in note for note in report.notes)


def test_a_folder_or_bytes_where_a_file_should_be(world: RealWorld) -> None:
    """They stay, and are named as what they are."""
    Path(FILES[0]).mkdir()
    Path(FILES[1]).parent.mkdir(parents=True)
    Path(FILES[1]).write_bytes(b"\xff\xfe")
    report = run(INPUTS, world)
    assert "Nothing was written" in report.headline
    assert sum("no text file" in note for note in report.notes) == 2


def test_a_dry_run_writes_nothing(world: RealWorld) -> None:
    """It names the files all the same."""
    report = run(replace(INPUTS, dry_run=True), world)
    assert "Would write" in report.headline
    assert report.receipt is not None
    assert report.receipt.planned == tuple(f"Write {path}" for path in FILES)
    assert not any(Path(path).exists() for path in FILES)


def test_half_of_it_is_said(world: RealWorld) -> None:
    """The second file cannot be written: exit 12, what is written and what not, and the command that finishes it."""
    Path(".github").write_text("a file where a folder should be")
    report = run(INPUTS, world)
    assert (report.exit_code, report.outputs["files"]) == (Exit.PARTLY, "ml-cicd.yml")
    assert report.cure == "ml-cicd init --yes --model-name=digits --owner=acme --config=ml-cicd.yml"
    Path(".github").unlink()
    assert run(INPUTS, world).outputs["files"].splitlines() == FILES[1:]


def test_registration_is_switched_on_by_a_second_run(world: RealWorld) -> None:
    """The report says what is missing; once it is there, the release is written beside what stays."""
    first = run(INPUTS, world)
    assert any("Registration and canary are not written" in note for note in first.notes)
    Path("train.py").write_text("import torch\nmlflow.pytorch.save_model(m, 'build/model', input_example=x)\n")
    Path(".env.example").write_text("MLFLOW_TRACKING_URI=https://mlflow.example\n")
    assert run(INPUTS, world).outputs["files"].splitlines() == [RELEASE]
    assert "uses: acme/ml-cicd/.github/workflows/ml-pipeline.yml@v1" in Path(RELEASE).read_text("utf-8")


def test_what_it_says_switches_registration_on(world: RealWorld) -> None:
    """The line that the note names, written into the configuration, has the release written by the next run."""
    first = run(INPUTS, world)
    (line,) = {
        found[1] for note in first.notes if (found := re.search(r"write (registry: .*?\}) into ml-cicd.yml", note))
    }
    with Path("ml-cicd.yml").open("a") as stream:
        stream.write(f"{line}\n")
    assert RELEASE in run(INPUTS, world).outputs["files"].splitlines()
    assert world.config("ml-cicd.yml", required=True).registry_uri("") == "https://mlflow.example"


def test_what_must_be_filled_in_comes_first(world: RealWorld) -> None:
    """Nothing is tried before there is something to try, and a wrong guess is no reason to commit."""
    for path in ("requirements.txt", "train.py", "evaluate.py"):
        Path(path).unlink()
    cure = run(INPUTS, world).cure
    assert cure.startswith("Fill in train and evaluate (marked FILL IN in the files)")
    assert "try it" not in cure


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("pyproject.toml", "[project", "pyproject.toml cannot be read"),
        ("dvc.yaml", "stages: [", "dvc.yaml cannot be read"),
        ("environment.yml", "dependencies: [scikit-learn]", "environment.yml was not read: no step for conda"),
    ],
)
def test_what_could_not_be_read_is_said(world: RealWorld, path: str, text: str, says: str) -> None:
    """What was found goes without it."""
    assert not any(path in note for note in run(INPUTS, world).notes)
    Path(path).write_text(text)
    assert any(says in note for note in run(INPUTS, world).notes)


def test_the_workflows_of_a_folder_lie_where_github_reads_them(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the top of the repository, with a sentence; a second run finds them there."""
    top = Path.cwd()
    subprocess.run(["git", "init", "-q"], check=True)
    Path("models").mkdir()
    Path("train.py").rename("models/train.py")
    monkeypatch.chdir("models")
    report = run(INPUTS, world)
    assert (top / ".github/workflows/ml-quality-gate-models.yml").is_file()
    assert sorted(path.name for path in Path().iterdir()) == ["ml-cicd.yml", "train.py"]
    assert any("the folder models of its repository" in note for note in report.notes)
    assert run(INPUTS, world).outputs["files"] == ""


def test_each_guess_is_asked_once(world: RealWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty answer keeps it, another one is written; what is sure is not asked."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "trunk" if question.startswith("branch") else ""

    monkeypatch.setattr(world, "ask", ask)
    Path("evaluate.py").unlink()
    run(replace(INPUTS, yes=False), world)
    assert [question.partition(":")[0] for question in asked] == ["branch", "evaluate", "evidence"]
    assert "branches: [trunk]" in Path(FILES[1]).read_text("utf-8")


@pytest.mark.parametrize("answer", ["a\nb", "x" * 301, "${{ secrets.X }}"])
def test_an_answer_that_would_break_a_workflow_is_not_taken(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """It is as if nothing had been said."""
    Path("evaluate.py").unlink()
    monkeypatch.setattr(world, "ask", lambda question: answer if question.startswith("evaluate") else "")
    run(replace(INPUTS, yes=False), world)
    assert "FILL IN" in Path(FILES[1]).read_text("utf-8")


def test_nobody_is_asked_without_a_terminal(world: RealWorld) -> None:
    """Where nobody sits, the guesses stand."""
    assert streams.ask("x") == ""
    assert run(replace(INPUTS, yes=False), world).exit_code is Exit.DONE


@pytest.mark.parametrize(("typed", "said"), [("trunk\n", "trunk"), ("\n", ""), ("\x04", "")])
def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, typed: str, said: str) -> None:
    """A line is the answer; an empty one and the end of the input leave things as they are."""
    person, terminal = os.openpty()
    with (
        os.fdopen(person, "wb", buffering=0) as keys,
        os.fdopen(os.dup(terminal), "r") as reads,
        os.fdopen(terminal, "w") as writes,
    ):
        monkeypatch.setattr("sys.stdin", reads)
        monkeypatch.setattr("sys.stderr", writes)
        keys.write(typed.encode())
        assert streams.ask("branch: main") == said


def test_an_operation_says_what_it_did(world: RealWorld) -> None:
    """A new file has its size, one with the same text is left, one with another is never overwritten."""
    write = WriteFile(path="new.txt", text="é")
    assert (write.describe(), write.perform(SystemFiles()).result) == ("Write new.txt", "2 bytes")
    assert write.perform(SystemFiles()).changed is False
    with pytest.raises(InputError, match="exists"):
        replace(write, text="other").perform(SystemFiles())


@pytest.mark.parametrize("name", ["model_name", "owner"])
@pytest.mark.parametrize("value", ["a b", "../x", "a: b", "x" * 33, "${{ x }}", "a\n"])
def test_a_name_that_would_break_a_file_is_refused(world: RealWorld, name: str, value: str) -> None:
    """What goes into YAML is letters, digits, _ and -."""
    with pytest.raises(InputError, match=name.replace("_", "-")):
        run(replace(INPUTS, **{name: value}), world)  # type: ignore[arg-type]
    assert not any(Path(path).exists() for path in FILES)


@pytest.mark.parametrize("word", ["on", "no", "null", "y", "True"])
def test_a_name_that_yaml_reads_as_something_else(world: RealWorld, word: str) -> None:
    """Names are quoted where they stand in YAML: `on` is a model, not true."""
    run(replace(INPUTS, model_name=word), world)
    assert world.config("ml-cicd.yml", required=True).model == word


def test_serving_is_written_beside_what_is_there(world: RealWorld) -> None:
    """A kind of model with a server gets all its files, also after a first `init`; another kind is told so."""
    with pytest.raises(InputError, match="no server for this kind of model"):
        run(replace(INPUTS, serve=True), world)
    Path("train.py").write_text("import torch\nmlflow.pytorch.save_model(m, 'build/model', input_example=x)\n")
    run(INPUTS, world)
    report = run(replace(INPUTS, serve=True), world)
    assert {Path(path).parts[0] for path in report.outputs["files"].splitlines()} == {"serve"}
    assert any("ml-cicd.yml stays as it is" in note and "targets:" in note for note in report.notes)
    assert "/srv/digits/haproxy.sock" in Path("serve/haproxy.cfg").read_text("utf-8")


@pytest.mark.parametrize("place", ["srv", "/srv/$(x)", "/srv/a b", "/" + "x" * 80])
def test_a_place_that_could_not_be_written_everywhere(world: RealWorld, place: str) -> None:
    """It stands in a configuration, a unit and a shell command: a short plain path."""
    Path("train.py").write_text("import torch\n")
    with pytest.raises(InputError, match="place"):
        run(replace(INPUTS, serve=True, place=place), world)


def test_a_hostile_repository(world: RealWorld) -> None:
    """What no parser takes, what has no end and what is there three thousand times: files are written all the same."""
    Path("train.py").write_text(f"x = {'[' * 3000}{']' * 3000}")
    Path("evaluate.py").write_bytes(b"\xff\xfe\x00")
    Path("pyproject.toml").write_text("[project\n")
    Path("dvc.yaml").write_text("a: &a [*a]\n")
    Path("Makefile").write_text("train:" * 20_000)
    Path("metrics.json").write_text("[" * 100_000)
    Path("results.json").write_text('{"accuracy": NaN, "f1": 1e999}')
    Path("requirements.txt").unlink()
    Path("requirements.txt").symlink_to("/dev/zero")
    for number in range(3000):
        Path(f"f{number}.py").write_text("import torch\n")
    report = run(INPUTS, world)
    assert report.outputs["files"].splitlines() == FILES
    assert world.config("ml-cicd.yml", required=True).model == "digits"
