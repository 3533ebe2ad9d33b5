"""The report on disk: never the last run's, never half of one, whatever it holds."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.ground.errors import Exit, Refused
from ml_cicd.ground.operation import Done, Receipt
from ml_cicd.ground.report import Document, Report
from ml_cicd.shell import publish
from ml_cicd.shell.publish import forget, report_folder
from ml_cicd.shell.runner import Process, main
from tests.shell.probe import Inputs, done

TOOL = [sys.executable, "-I", "-m", "ml_cicd"]
GATE = [*TOOL, "quality-gate", "--metrics=m.json"]
PASSING = '{"accuracy": {"value": 0.98, "n": 2000}}'


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run the gate on a metrics file."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
    return subprocess.run(
        [*GATE, *arguments], cwd=folder, env=environment, check=False, capture_output=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a passing metrics file."""
    (tmp_path / "m.json").write_text(PASSING)
    return tmp_path


def test_a_report_of_an_earlier_run_does_not_stay(probe: Path) -> None:
    """While a command is at work there is no report, so that a killed one leaves nothing that passes."""
    place = probe / "ml-cicd-reports/probe"
    assert main(["probe"], Process(environ={}, make_world=lambda _say: lambda _inputs: done())) == 0
    assert (place / "report.json").exists()
    seen: list[bool] = []

    def at_work(_inputs: Inputs) -> Report:
        """Look for the old report, and fail."""
        seen.append((place / "report.json").exists() or (place / "summary.md").exists())
        raise Refused("Stopped here.", cure="Go on.")

    assert main(["probe"], Process(environ={}, make_world=lambda _say: at_work)) == 4
    assert seen == [False]
    assert json.loads((place / "report.json").read_text("utf-8"))["outputs"]["verdict"] == "error"


def test_a_document_lies_beside_its_report(probe: Path) -> None:
    """Its output is its path; it goes with the report of the run before, and is kept with that of its own."""
    place = probe / "ml-cicd-reports/status"
    made = Report(
        command="status",
        exit_code=Exit.DONE,
        headline="It says so.",
        outputs={"export": ""},
        documents=(Document(output="export", name="ledger.csv", text="a\n"),),
    )
    assert publish.publish(made, report_dir="", environ={}) == 0
    outputs = json.loads((place / "report.json").read_text())["outputs"]
    assert Path(outputs["export"]).read_text() == "a\n"
    assert [one.read_text() for one in (place / "runs").glob("*/ledger.csv")] == ["a\n"]
    forget("status", "")
    assert sorted(one.name for one in place.iterdir()) == ["runs"]


def test_another_commands_report_stays(folder: Path) -> None:
    """Gate and register may share a folder: what register reads is there until it has read it."""
    assert run(folder, "--thresholds=accuracy: 0.95", "--report-dir=reports").returncode == 0
    forget("register", str(folder / "reports"))
    assert (folder / "reports/report.json").exists()
    forget("quality-gate", str(folder / "reports"))
    assert list((folder / "reports").iterdir()) == []


@pytest.mark.parametrize("text", [r'{"\ud800": "x"}', r'{"accuracy": "\ud800"}'])
def test_half_a_character_is_reported(folder: Path, text: str) -> None:
    """A lone surrogate from outside is an error like any other, with its report."""
    (folder / "m.json").write_text(text)
    answer = run(folder, "--thresholds=accuracy: 0.95")
    assert answer.returncode == 3, answer.stderr
    assert json.loads((folder / "ml-cicd-reports/quality-gate/report.json").read_text("utf-8"))["exit_code"] == 3


def test_a_name_that_is_no_text(folder: Path) -> None:
    """A path of bytes that are not UTF-8 is refused, not a crash."""
    answer = subprocess.run(
        [*TOOL, "quality-gate", b"--predictions=\xff.csv", "--thresholds=accuracy: 0.95"],
        cwd=folder,
        check=False,
        capture_output=True,
        timeout=120,
    )
    assert answer.returncode == 3, answer.stderr
    assert (folder / "ml-cicd-reports/quality-gate/report.json").is_file()


@pytest.mark.parametrize(
    ("options", "drawn"), [(["-X", "utf8=0"], ".|...........[--o--]."), (["-X", "utf8"], "·│···········├──●──┤·")]
)
def test_a_terminal_that_knows_few_characters(folder: Path, options: list[str], drawn: str) -> None:
    """Where it knows ASCII alone lines are drawn in it, and the verdict's exit code does not depend on it."""
    code = [sys.executable, "-I", *options, *GATE[2:], "--thresholds=accuracy: 0.95"]
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    answer = subprocess.run(code, cwd=folder, env=environ, check=False, capture_output=True, timeout=120)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert drawn in answer.stdout.decode("ascii" if drawn.isascii() else "utf-8")
    assert b"\\u" not in answer.stdout


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_that_want_them(folder: Path, environ: dict[str, str], coloured: bool) -> None:
    """A terminal gets them unless NO_COLOR is set (no-color.org)."""
    ours, theirs = os.openpty()
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "100", **environ}
    command = [*GATE, "--thresholds=accuracy: 0.95"]
    answer = subprocess.run(command, cwd=folder, env=environment, check=False, stdout=theirs, timeout=120)
    os.close(theirs)
    with os.fdopen(ours, "rb") as terminal:
        said = terminal.read1(65536)
    assert answer.returncode == 0
    assert (b"\x1b[32mquality-gate" in said, b"\x1b" in said) == (coloured, coloured)


def test_a_reader_that_goes_away(folder: Path) -> None:
    """`ml-cicd ... | true` keeps its exit code and says nothing of pipes."""
    read, write = os.pipe()
    os.close(read)
    answer = subprocess.run(
        [*GATE, "--thresholds=accuracy: 0.95"],
        cwd=folder,
        check=False,
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(write)
    assert (answer.returncode, answer.stderr) == (0, b"")


def test_runs_side_by_side_write_whole_reports(folder: Path) -> None:
    """Eight gates in one folder: each ends with its own code, and the report is one of theirs."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: run(folder, "--thresholds=accuracy: 0.95").returncode, range(8)))
    assert answers == [0] * 8
    place = folder / "ml-cicd-reports/quality-gate"
    assert json.loads((place / "report.json").read_text("utf-8"))["verdict"]["outcome"] == "pass"
    assert {path.name for path in place.iterdir()} == {"report.json", "summary.md", "runs"}


def test_a_link_is_replaced_not_followed(folder: Path) -> None:
    """A report that was made a link by somebody does not write elsewhere."""
    (folder / "ml-cicd-reports/quality-gate").mkdir(parents=True)
    (folder / "victim").write_text("mine")
    (folder / "ml-cicd-reports/quality-gate/report.json").symlink_to(folder / "victim")
    assert run(folder, "--thresholds=accuracy: 0.95").returncode == 0
    assert (folder / "victim").read_text() == "mine"


def test_each_run_keeps_its_own_report(probe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one is at the known path too, an older one is never replaced, and the oldest go when there are many."""
    place = probe / "ml-cicd-reports/probe"
    for _ in range(2):
        assert main(["probe"], Process(environ={}, make_world=lambda _say: lambda _inputs: done())) == 0
    kept = sorted((place / "runs").iterdir())
    assert len(kept) == 2
    assert all((one / "report.json").exists() and (one / "summary.md").exists() for one in kept)
    assert (place / "report.json").exists()
    monkeypatch.setattr(publish, "MOST_RUNS", 1)
    assert main(["probe"], Process(environ={}, make_world=lambda _say: lambda _inputs: done())) == 0
    assert len(list((place / "runs").iterdir())) == 1


MISSED = "--thresholds=accuracy: 0.999"


def reported(folder: Path) -> tuple[int, str]:
    """Return what the report on disk says."""
    report = json.loads((folder / "ml-cicd-reports/quality-gate/report.json").read_text("utf-8"))
    return report["exit_code"], report["verdict"]["outcome"]


@pytest.mark.parametrize(
    ("ending", "code", "says"),
    [(">&-", 0, b""), (">/dev/full", 4, b"The result cannot be written: "), ("2>&-", 0, b"")],
)
def test_a_result_that_nobody_can_read(folder: Path, ending: str, code: int, says: bytes) -> None:
    """Closed or full streams: the report is on disk as it was found, and only an output that was lost is said."""
    shell = ["sh", "-c", f'exec "$@" {ending}', "sh", *GATE, "--thresholds=accuracy: 0.95"]
    answer = subprocess.run(shell, cwd=folder, check=False, capture_output=True, timeout=120)
    assert (answer.returncode, reported(folder)) == (code, (0, "pass")), answer.stderr
    assert answer.stderr.startswith(says)
    assert b"Traceback" not in answer.stderr


def test_a_terminal_without_width(folder: Path) -> None:
    """Two columns are drawn like twenty."""
    answer = run(folder, MISSED, COLUMNS="2")
    assert (answer.returncode, reported(folder)[1], answer.stderr) == (10, "fail", b"")


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize(("accuracy", "code"), [("0.95", 4), ("0.999", 10)])
def test_a_runner_that_cannot_be_told(folder: Path, name: str, accuracy: str, code: int) -> None:
    """A file of the runner's that cannot be written: no pass, a message, and the report stays what it is."""
    place = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    place |= {name: "/nope/x", "ML_CICD_METRICS": "m.json", "ML_CICD_THRESHOLDS": f"accuracy: {accuracy}"}
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **place}
    command = [*TOOL, "action", "quality-gate"]
    answer = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, timeout=120)
    assert answer.returncode == code, answer.stderr
    assert answer.stderr.startswith(f"The runner's file {name} cannot be written: ".encode())
    assert len(answer.stderr.splitlines()) == 1
    assert reported(folder) == ((0, "pass") if code == 4 else (10, "fail"))
    if name == "GITHUB_STEP_SUMMARY":
        assert (folder / "output").read_text("utf-8").count("passed<<") == 1


def test_a_terminal_face_with_a_bug_leaves_the_report(
    probe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was found is on disk before it is drawn for people: no pass, but never another report in its place."""

    def broken(*_: object, **__: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("ml_cicd.shell.publish.to_terminal", broken)
    assert main(["probe"], Process(environ={}, make_world=lambda _say: lambda _inputs: done())) == 1
    assert json.loads((probe / "ml-cicd-reports/probe/report.json").read_text("utf-8"))["outputs"]["verdict"] == "pass"
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["validate", "--help"]])
def test_help_that_nobody_reads_to_its_end(folder: Path, arguments: list[str]) -> None:
    """`ml-cicd --help | head` says nothing of pipes."""
    read, write = os.pipe()
    os.close(read)
    answer = subprocess.run(
        [*TOOL, *arguments], cwd=folder, check=False, stdout=write, stderr=subprocess.PIPE, timeout=60
    )
    os.close(write)
    assert (answer.returncode, answer.stderr) == (0, b"")


FULL = 'ulimit -f 0; exec "$@"'  # no file takes a byte: as on a full disk, but for the number of the error


def test_a_full_disk_is_no_wrong_input(folder: Path) -> None:
    """No report, no outputs, no pass; and neither a wrong input nor half a file more with every run."""
    place = {"GITHUB_OUTPUT": str(folder / "output"), "ML_CICD_METRICS": "m.json"}
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **place, "ML_CICD_THRESHOLDS": "accuracy: 0.95"}
    command = ["sh", "-c", FULL, "sh", *TOOL, "action", "quality-gate"]
    for _ in range(2):
        answer = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, timeout=120)
        assert answer.returncode == 4, answer.stderr
        lines = answer.stderr.decode().splitlines()
        assert [line.partition(" cannot be written")[0] for line in lines] == [
            "The report",
            "The runner's file GITHUB_OUTPUT",
        ]
        assert all(line.endswith("Free space.") for line in lines)
        assert b"quality-gate" in answer.stdout
    assert [
        file.name for file in (folder / "ml-cicd-reports").rglob("*") if file.is_file() and file.name != ".gitignore"
    ] == []


def test_what_was_done_without_a_report_is_done(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that changed something, and cannot write its report: exit 12, and what was done is on the screen."""
    (probe / "ml-cicd-reports").write_text("a file where the folder goes")
    moved = Done(what="Route", result="slot green serves", changed=True, value=None)
    for receipt, code in ((Receipt(done=(moved,)), 12), (Receipt(done=(replace(moved, changed=False),)), 4)):
        report = done(sections=(receipt,))

        def world(_say: object, report: Report = report) -> object:
            return lambda _: report

        found = main(["probe"], Process(environ={}, make_world=world))
        said = capsys.readouterr()
        assert found == code
        assert "slot green serves" in said.out
        assert ("only its report is missing" in said.err) is (code == 12)


def test_the_folder_of_reports_is_not_hidden() -> None:
    """`actions/upload-artifact` leaves hidden files and folders out, so a report in one would never arrive."""
    assert not [part for part in report_folder("probe", "").parts if part.startswith(".")]
