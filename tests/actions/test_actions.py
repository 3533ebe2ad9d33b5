"""Every real action.yml, run for real: good, bad and hostile inputs."""

import json
import re
from pathlib import Path

import pytest

from tests.actions.composite_runner import obeyed
from tests.actions.conftest import Act

FORGED = re.compile(r"(::\w+( file=x)?::|##\[error\])forged")
HOSTILE = [
    "'; touch pwned; '",
    '"; touch pwned; "',
    "$(touch pwned)",
    "`touch pwned`",
    "${{ secrets.TOKEN }}",
    "a\n::error::forged\nverdict=pass\n  ::warning file=x::forged\n##[error]forged\n",
    "x" * 100_000,
    "../../../etc/passwd",
    "\u202egnp.exe",
]


def write_table(folder: Path, *, rows: int = 2000, wrong: int = 20) -> None:
    """Write a prediction table with this many wrong rows."""
    lines = ["label,prediction,latency_ms,key"]
    lines += [f"{i % 2},{i % 2 if i >= wrong else 1 - i % 2},{5 + i % 7},{i}" for i in range(rows)]
    (folder / "p.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_gate_passes(act: Act, tmp_path: Path) -> None:
    """A good candidate: success, outputs, a summary, a report on disk, no error annotation."""
    write_table(tmp_path)
    result = act(
        "quality-gate", {"predictions": "p.csv", "thresholds": "accuracy: 0.95\nf1_score: 0.92\nlatency_p99_ms: 50"}
    )
    assert result.succeeded, result.log
    assert result.outputs["verdict"] == "pass"
    assert result.outputs["passed"] == "true"
    assert json.loads(result.outputs["blocking"]) == []
    assert json.loads(Path(result.outputs["report"]).read_text("utf-8"))["verdict"]["outcome"] == "pass"
    assert "quality-gate" in result.summary
    assert not result.annotations("error")


def test_gate_fails_with_outputs(act: Act, tmp_path: Path) -> None:
    """A bad candidate: exit 10, and every output is there all the same."""
    write_table(tmp_path, wrong=400)
    result = act("quality-gate", {"predictions": "p.csv", "thresholds": "accuracy: 0.95"})
    assert result.exit_code == 10
    assert result.outputs["verdict"] == "fail"
    assert json.loads(result.outputs["blocking"]) == ["accuracy"]
    assert Path(result.outputs["report"]).is_file()
    assert Path(result.outputs["summary"]).is_file()
    assert result.annotations("error")


def test_gate_without_evidence_is_an_error(act: Act) -> None:
    """No predictions at all: exit 2, verdict error, never a pass."""
    result = act("quality-gate", {"thresholds": "accuracy: 0.5"})
    assert (result.exit_code, result.outputs["verdict"], result.outputs["passed"]) == (2, "error", "false")
    assert Path(result.outputs["report"]).is_file()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["predictions", "thresholds", "champion", "model", "config"])
def test_gate_treats_hostile_text_as_data(act: Act, tmp_path: Path, name: str, text: str) -> None:
    """Whatever an input holds, nothing is executed, no output is forged, and the verdict is never pass."""
    write_table(tmp_path)
    inputs = {"predictions": "p.csv", "thresholds": "accuracy: 0.95\nf1_score: 0.999999", name: text}
    result = act("quality-gate", inputs)
    assert result.exit_code in {2, 3, 10, 11}, result.log[-2000:]
    assert result.outputs["passed"] == "false"
    assert not (tmp_path / "pwned").exists()
    assert not [line for line in obeyed(result.log) if FORGED.match(line)]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("register", "model-name"),
        ("register", "alias"),
        ("canary", "candidate"),
        ("canary", "mode"),
        ("rollback", "to"),
        ("fetch", "version"),
        ("fetch", "to"),
    ],
)
def test_other_actions_treat_hostile_text_as_data(act: Act, tmp_path: Path, action: str, name: str, text: str) -> None:
    """Register, canary and rollback refuse hostile text without executing or forging anything."""
    inputs = {"register": {"model": "nowhere"}, "fetch": {"to": "nowhere"}}.get(action, {})
    result = act(action, {**inputs, name: text})
    assert result.exit_code in {2, 3, 4}, result.log[-2000:]
    assert not (tmp_path / "pwned").exists()
    assert not [line for line in obeyed(result.log) if FORGED.match(line)]
    assert result.outputs.get("rolled-back", "false") == "false"
    assert Path(result.outputs["report"]).is_file()


def test_hostile_working_directory_does_not_reach_the_tool(act: Act, tmp_path: Path) -> None:
    """Modules in the workspace and PYTHONPATH cannot replace the tool's own."""
    write_table(tmp_path)
    evil = "import pathlib; pathlib.Path('pwned').touch()\n"
    for name in ("json.py", "ml_cicd.py", "sitecustomize.py", "yaml.py", "duckdb.py"):
        (tmp_path / name).write_text(evil, encoding="utf-8")
    result = act(
        "quality-gate",
        {"predictions": "p.csv", "thresholds": "accuracy: 0.9"},
        environ={"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py")},
    )
    assert result.succeeded, result.log
    assert not (tmp_path / "pwned").exists()


def test_working_directory_and_report_dir(act: Act, tmp_path: Path) -> None:
    """Relative paths start from the working directory, the report's too, and its output is absolute."""
    (tmp_path / "sub").mkdir()
    write_table(tmp_path / "sub")
    inputs = {"predictions": "p.csv", "thresholds": "accuracy: 0.9", "working-directory": "sub", "report-dir": "out"}
    result = act("quality-gate", inputs)
    assert Path(result.outputs["report"]) == tmp_path / "sub" / "out" / "report.json"


@pytest.mark.parametrize("action", ["canary", "rollback"])
def test_traffic_actions_need_a_configuration(act: Act, action: str) -> None:
    """Without ml-cicd.yml: exit 2 and a sentence that says how to get one."""
    result = act(action, {})
    assert result.exit_code == 2
    assert "ml-cicd init" in result.log


def test_root_action_sets_up_the_command_line(act: Act, tmp_path: Path) -> None:
    """The front door puts `ml-cicd` on PATH and reports its version."""
    result = act("", {})
    assert result.succeeded, result.log
    assert result.outputs["version"]
    assert Path(result.outputs["cli"]).parent == Path(result.path[0])
    assert result.outputs["exit-code"] == ""


def test_root_action_runs_one_command(act: Act, tmp_path: Path) -> None:
    """Arguments are lines, no shell reads them, and the exit code is handed on."""
    write_table(tmp_path)
    arguments = "--predictions\np.csv\n--thresholds\naccuracy: 0.999\n--report-dir\n$(touch pwned)"
    result = act("", {"command": "quality-gate", "args": arguments})
    assert (result.exit_code, result.outputs["exit-code"]) == (10, "10")
    assert not (tmp_path / "pwned").exists()
    assert (tmp_path / "$(touch pwned)" / "report.json").is_file()


def test_root_action_refuses_unknown_commands(act: Act) -> None:
    """A misspelt command is exit 2 with a suggestion."""
    result = act("", {"command": "quality-gat"})
    assert result.exit_code == 2
    assert "quality-gate" in result.log


def test_root_action_fences_what_its_command_prints(act: Act) -> None:
    """A command's own output cannot forge annotations through the front door."""
    text = "::error::forged"
    result = act("", {"command": "quality-gate", "args": f"--predictions\n{text}\n--thresholds\naccuracy: 0.9"})
    assert result.exit_code != 0
    assert not [line for line in obeyed(result.log) if FORGED.match(line)]
