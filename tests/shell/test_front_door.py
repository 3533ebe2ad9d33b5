"""The root action's command: it is the command's own action, and what cannot be written stops none."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.actions.composite_runner import obeyed, parse_outputs

CODE = "import sys; from ml_cicd.__main__ import main; sys.exit(main())"
CHILD = """
import os, signal, sys, time
from ml_cicd.commands.table import COMMANDS, Entry
from ml_cicd.shell.front_door import set_up
COMMANDS["probe"] = Entry(module="tests.shell.probe", title="Probe.")
def wait(inputs):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        time.sleep(1)
        open("done", "w").write("traffic is back")
sys.exit(set_up(os.environ, lambda environ, say: wait))
"""
ROOT = Path(__file__).resolve().parents[2]


def front_door(folder: Path, *, limit: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the root action's command as its step does."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "python")])
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "RUNNER_TEMP": str(folder / "temp"), "PYTHONPATH": path}
    command = ["sh", "-c", f'{limit} exec "$@"', "sh", sys.executable, "-X", "utf8", "-c", CODE, "action", "setup"]
    return subprocess.run(
        command, cwd=folder, env={**own, **environ}, check=False, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A step's folder, with its temporary one."""
    (tmp_path / "temp").mkdir()
    return tmp_path


def test_a_set_up_that_works(folder: Path) -> None:
    """The script is there and runs, and the runner knows its folder and the outputs."""
    answer = front_door(folder, GITHUB_OUTPUT=str(folder / "out"), GITHUB_PATH=str(folder / "path"))
    script = folder / "temp/ml-cicd-bin/ml-cicd"
    assert (answer.returncode, answer.stderr) == (0, "")
    assert os.access(script, os.X_OK)
    assert parse_outputs((folder / "out").read_text("utf-8"))["cli"] == str(script)
    assert (folder / "path").read_text("utf-8") == f"{script.parent}\n"
    assert "-I -X utf8 -m ml_cicd" in script.read_text("utf-8")


def test_the_command_line_fetches_what_it_needs_later(folder: Path) -> None:
    """The script hands on what is installed later and by whom, whatever stands in those words, and no input."""
    given = {"ML_CICD_LATER": "gate registry", "ML_CICD_PYTHON": "/a b/'c'/$(touch pwned)", "ML_CICD_CONFIG": "x.yml"}
    front_door(folder, **given)
    text = (folder / "temp/ml-cicd-bin/ml-cicd").read_text("utf-8")
    exports = "\n".join(line for line in text.splitlines() if line.startswith("export "))
    shown = subprocess.run(["sh", "-c", f"{exports}\nenv"], check=True, capture_output=True, text=True, cwd=folder)
    assert f"ML_CICD_PYTHON={given['ML_CICD_PYTHON']}\n" in shown.stdout
    assert "ML_CICD_LATER=gate registry\n" in shown.stdout
    assert "ML_CICD_CONFIG" not in text
    assert not (folder / "pwned").exists()


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_PATH", "RUNNER_TEMP"])
@pytest.mark.parametrize(("asked", "code"), [("", 4), ("rollback", 2)])
def test_a_runner_that_cannot_be_told(folder: Path, name: str, asked: str, code: int) -> None:
    """A file or folder of the runner's that cannot be written: it is said, the command has run, and its code counts."""
    (folder / "file").write_text("")
    answer = front_door(folder, **{name: str(folder / "file/x"), "ML_CICD_COMMAND": asked})
    assert answer.returncode == code
    assert answer.stdout.count("cannot be written") == 1
    assert "Traceback" not in answer.stderr
    assert ("There is no configuration file" in answer.stdout) is bool(asked)


def test_a_full_disk_keeps_no_command_from_running(folder: Path) -> None:
    """Neither the script nor the outputs can be written, and a rollback would still move traffic."""
    place = {"GITHUB_OUTPUT": str(folder / "out"), "ML_CICD_COMMAND": "rollback"}
    answer = front_door(folder, limit="ulimit -f 0;", **place)
    assert answer.returncode == 2
    assert "There is no configuration file" in answer.stdout
    assert "Traceback" not in answer.stderr


def test_a_command_tells_the_runner_what_its_action_tells(folder: Path) -> None:
    """Outputs, summary and annotations of the command; its text is fenced; then version and exit code."""
    (folder / "m.json").write_text('{"accuracy": {"value": 0.5, "n": 1000}}', encoding="utf-8")
    asked = {"ML_CICD_COMMAND": "quality-gate", "ML_CICD_ARGS": "--metrics\nm.json\n--thresholds\naccuracy: 0.9"}
    files = {"GITHUB_OUTPUT": str(folder / "out"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    answer = front_door(folder, **asked, **files)
    assert answer.returncode == 10, answer.stderr
    outputs = parse_outputs((folder / "out").read_text("utf-8"))
    assert (outputs["verdict"], outputs["passed"], outputs["exit-code"]) == ("fail", "false", "10")
    assert json.loads(outputs["blocking"]) == ["accuracy"]
    assert json.loads(Path(outputs["report"]).read_text("utf-8"))["exit_code"] == 10
    assert "accuracy" in (folder / "summary").read_text("utf-8")
    assert [line for line in obeyed(answer.stdout) if line.startswith("::error")]


@pytest.mark.parametrize("words", [("quality-gat",), ("quality-gate", "--metric=m.json"), ("status", "--json=yes")])
def test_wrong_arguments_are_an_annotation(folder: Path, words: tuple[str, ...]) -> None:
    """What the command line would say stands in the run's list of errors, with exit code 2."""
    asked = {"ML_CICD_COMMAND": words[0], "ML_CICD_ARGS": "\n".join(words[1:])}
    answer = front_door(folder, **asked, GITHUB_OUTPUT=str(folder / "out"))
    assert answer.returncode == 2
    (line,) = obeyed(answer.stdout)
    assert line.startswith("::error title=ml-cicd::")
    assert parse_outputs((folder / "out").read_text("utf-8"))["exit-code"] == "2"


@pytest.mark.parametrize("letter", ["\u2028", "\x85", "\x0b", "\x1e", "\r"])
def test_an_argument_ends_where_its_line_does(folder: Path, letter: str) -> None:
    """What else breaks lines somewhere stays in the argument: a title from outside cannot add an option."""
    (folder / "m.json").write_text('{"accuracy": 0.5}', encoding="utf-8")
    (folder / f"m.json{letter}--thresholds=accuracy: 0.1").write_text('{"accuracy": 0.2}', encoding="utf-8")
    lines = [f"--metrics=m.json{letter}--thresholds=accuracy: 0.1", "--thresholds", "accuracy: 0.4", ""]
    asked = {"ML_CICD_COMMAND": "quality-gate", "ML_CICD_ARGS": "\r\n".join(lines)}
    answer = front_door(folder, GITHUB_OUTPUT=str(folder / "out"), **asked)
    assert answer.returncode == 10, answer.stdout + answer.stderr


def test_inputs_of_the_environment_are_not_the_commands(folder: Path) -> None:
    """ML_CICD_* of the job's environment say nothing to the command: its arguments alone do."""
    asked = {"ML_CICD_COMMAND": "validate", "ML_CICD_ARGS": "a.yml", "ML_CICD_REPORT_DIR": "elsewhere"}
    front_door(folder, **asked)
    assert not (folder / "elsewhere").exists()
    assert (folder / "ml-cicd-reports" / "validate" / "report.json").is_file()


@pytest.mark.parametrize("sent", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT, signal.SIGTERM]])
def test_a_cancelled_step_lets_its_command_end(folder: Path, sent: list[signal.Signals]) -> None:
    """The runner signals the step's process alone: the command unwinds, writes its report, and exits with 130."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "python")])
    environ = {**os.environ, "RUNNER_TEMP": str(folder / "temp"), "ML_CICD_COMMAND": "probe", "PYTHONPATH": path}
    environ |= {"GITHUB_OUTPUT": str(folder / "out")}
    step = subprocess.Popen([sys.executable, "-c", CHILD], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
    assert step.stdout is not None
    assert step.stdout.readline() == "ready\n"
    for one in sent:
        os.kill(step.pid, one)
    step.communicate(timeout=30)
    assert (step.returncode, (folder / "done").read_text("utf-8")) == (130, "traffic is back")
    outputs = parse_outputs((folder / "out").read_text("utf-8"))
    assert (outputs["exit-code"], outputs["verdict"]) == ("130", "error")
    assert Path(outputs["report"]).is_file()
