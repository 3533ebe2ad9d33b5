"""Files held against their schemas: what is right passes, what is wrong is named with file, line and path."""

import builtins
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_cicd.commands.validate import COMMAND, Inputs, run
from ml_cicd.faces.json_v1 import to_json
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.finding import Finding, Outcome
from ml_cicd.shell.runner import Process, main
from ml_cicd.shell.wiring import RealWorld
from tests.faces.reports import report_of
from tests.test_config import WHOLE

PROCESS = Process(environ={}, make_world=lambda say: RealWorld({}, say))
NOT_A_CONFIGURATION = [
    ("version: 1\ngate: {confidence: 95}\n", "line 2: gate.confidence: found the number 95."),
    ("version: 1\n\nmodle: x\n", "line 3: modle: unknown name 'modle'."),
    ("model: x\n", "line 1: the file: 'version' is missing."),
    ("version: 1\ncanary:\n  when_inconclusive: pass\n", "line 3: canary.when_inconclusive: found the text 'pass'."),
    ("version: 1\ncanary:\n  deadline: soon\n", "line 3: canary.deadline: found the text 'soon'."),
    ("version: 1\ncanary:\n  steps: [50, 10]\n", "c.yml, line 2: canary: the steps must rise."),
    ("version: 1\nmodel: a\nmodel: b\n", "c.yml, line 3: 'model' stands twice, first on line 2."),
    ("[1]\n", "line 1: the file: found the list [1]."),
    (WHOLE.replace("kind: haproxy", "kind: nginx"), "line 14: targets.production.router.kind: found the text 'nginx'."),
    (WHOLE.replace(", map: /split.map", ""), "line 14: targets.production.router: 'map' is missing."),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory; signals are as they were afterwards."""
    monkeypatch.chdir(tmp_path)
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield tmp_path
    for one, handler in handlers.items():
        signal.signal(one, handler)


def check(*paths: str, **environ: str) -> tuple[Exit, list[Finding]]:
    """Run the command on these files; return its exit code and findings."""
    inputs = Inputs(files="\n".join(paths)) if paths else Inputs()
    report = run(inputs, RealWorld(environ, lambda _line: None))
    assert report.verdict is not None
    assert report.outputs == {"valid": str(report.exit_code is Exit.DONE).lower()}
    assert bool(report.cure) is (report.exit_code is not Exit.DONE)
    return report.exit_code, list(report.verdict.findings)


def through_the_shell(arguments: list[str], **environ: str) -> list[str]:
    """Return the files that a command line names."""
    main(["validate", *arguments], Process(environ=environ, make_world=lambda say: RealWorld(environ, say)))
    report = json.loads(Path("ml-cicd-reports/validate/report.json").read_text("utf-8"))
    return [finding["rule"] for finding in report["verdict"]["findings"]]


def written_report(**changes: Any) -> str:
    """Return a report's text with other values."""
    places = {"report": "r", "summary": "s"}
    return json.dumps({**json.loads(to_json(report_of(), tool_version="1", outputs=places)), **changes}, indent=1)


def test_a_configuration_that_is_right(folder: Path) -> None:
    """Exit 0 for the default file; a variable that is empty here is named, because elsewhere it may be set."""
    (folder / "ml-cicd.yml").write_text(WHOLE, encoding="utf-8")
    code, (finding,) = check()
    assert (code, finding.rule, finding.outcome) == (Exit.DONE, "ml-cicd.yml", Outcome.PASS)
    assert finding.reason == "a configuration, version 1; not set here: TRACKING"
    assert check(TRACKING="https://mlflow.example")[1][0].reason == "a configuration, version 1"


@pytest.mark.parametrize(("text", "says"), NOT_A_CONFIGURATION)
def test_a_configuration_that_is_wrong(folder: Path, text: str, says: str) -> None:
    """Exit 2, and the finding says where and what; it has a cure."""
    (folder / "c.yml").write_text(text, encoding="utf-8")
    code, findings = check("c.yml")
    assert code is Exit.INPUT
    assert [(f.rule, f.reason, f.outcome) for f in findings] == [("c.yml", says, Outcome.FAIL)]
    assert findings[0].cure


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("gate: {confidence: 95}", "It must be less than 1."),
        ("targets: {a: {router: 1}}", "It must be of type object."),
        ("gate: {thresholds: {}}", "The schema wants minProperties 1."),
        ("gate: {confidens: 0.9}", "Did you mean 'confidence'?"),
        ("canary: {when_inconclusive: holt}", "Did you mean 'hold'?"),
    ],
)
def test_a_cure_says_what_is_allowed(folder: Path, text: str, cure: str) -> None:
    """In the words of the reader, from the schema's own limits and names."""
    (folder / "c.yml").write_text(f"version: 1\n{text}\n", encoding="utf-8")
    assert cure in {finding.cure for finding in check("c.yml")[1]}


def test_all_that_is_wrong_is_said_in_the_order_of_lines(folder: Path) -> None:
    """Not only the first thing."""
    (folder / "c.yml").write_text("version: 1\ncanary: {lease: x}\ngate: {confidence: 2, odd: 1}\n", encoding="utf-8")
    places = [finding.reason.split(": found")[0].split(": unknown")[0] for finding in check("c.yml")[1]]
    assert places[0] == "line 2: canary.lease"
    assert sorted(places[1:]) == ["line 3: gate.confidence", "line 3: gate.odd"]


def test_a_report_that_is_right(folder: Path) -> None:
    """What the tool writes is what its schema says."""
    (folder / "report.json").write_text(written_report(), encoding="utf-8")
    code, (finding,) = check("report.json")
    assert (code, finding.reason) == (Exit.DONE, "a report, ml-cicd/report/v1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (written_report(exit_code=7), "line 5: exit_code: found the number 7."),
        (written_report(verdict={"outcome": "pass"}), "line 12: verdict: 'format' is missing."),
        (written_report(schema="other/v1"), "Unknown document: its 'schema' is the text 'other/v1'."),
        ("[]", "Unknown document: its 'schema' is nothing."),
        ("{", "Not JSON: "),
        ('{"schema": NaN}', "NaN is no number of JSON."),
    ],
)
def test_a_report_that_is_wrong(folder: Path, text: str, says: str) -> None:
    """Exit 2 with file, line and path; what is no report is named as unknown."""
    (folder / "report.json").write_text(text, encoding="utf-8")
    code, findings = check("report.json")
    assert code is Exit.INPUT
    assert findings[0].rule == "report.json"
    assert findings[0].reason.startswith(says)
    assert findings[0].cure


def test_each_file_is_checked_whatever_the_others_are(folder: Path) -> None:
    """Absent, of an unknown kind, wrong and right: one run tells of all, a path given twice counts once."""
    (folder / "good.yml").write_text("version: 1\n", encoding="utf-8")
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    code, findings = check("none.yml", "notes.txt", "good.yml", "good.yml")
    assert code is Exit.INPUT
    assert [(f.rule, f.outcome) for f in findings] == [
        ("none.yml", Outcome.FAIL),
        ("notes.txt", Outcome.FAIL),
        ("good.yml", Outcome.PASS),
    ]
    assert "Unknown kind" in findings[1].reason


def test_without_jsonschema(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is not always there: exit 2 and the line that installs it, never a pass."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "jsonschema":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="jsonschema") as problem:
        check("c.yml")
    assert "pip install 'ml-cicd[validate]'" in problem.value.cure


def test_a_run_that_could_not_check_is_no_pass() -> None:
    """Its output says false, and it has no action."""
    assert COMMAND.on_error == {"valid": "false"}
    assert COMMAND.needs is None


def test_without_files_the_configuration_is_meant(folder: Path) -> None:
    """Whatever the input config says, by option or environment."""
    (folder / "prod.yml").write_text("version: 1\n", encoding="utf-8")
    report = run(Inputs(config="prod.yml"), RealWorld({}, lambda _line: None))
    assert (report.exit_code, report.headline) == (Exit.DONE, "1 file checked: valid.")
    assert through_the_shell([], ML_CICD_CONFIG="prod.yml") == ["prod.yml"]
    assert through_the_shell(["--config=prod.yml"]) == ["prod.yml"]


@pytest.mark.parametrize("name", [" a.yml", "a\nb.yml", "-x.yml", "a b .yml"])
def test_a_name_is_taken_as_it_is(folder: Path, name: str) -> None:
    """Blanks, line ends and dashes belong to it."""
    (folder / name).write_text("version: 1\n", encoding="utf-8")
    assert through_the_shell(["--", name, "c.yml"]) == [name, "c.yml"]


def test_an_empty_name_is_refused(folder: Path) -> None:
    """A variable without a value is not the default file."""
    (folder / "ml-cicd.yml").write_text("version: 1\n", encoding="utf-8")
    assert main(["validate", ""], PROCESS) == Exit.INPUT


def test_its_own_last_report_can_be_validated(folder: Path) -> None:
    """It is read before this run's report takes its place."""
    (folder / "ml-cicd.yml").write_text("version: 1\n", encoding="utf-8")
    own = "ml-cicd-reports/validate/report.json"
    assert main(["validate"], PROCESS) == Exit.DONE
    assert main(["validate", own], PROCESS) == Exit.DONE
    report = json.loads((folder / own).read_text("utf-8"))
    assert [finding["rule"] for finding in report["verdict"]["findings"]] == [own]


CANARY_FILE = """
version: 1
model: m
targets:
  production:
    router: {kind: haproxy, socket: /nowhere/h.sock, map: /nowhere/m.map}
    slots: {blue: {url: 'http://127.0.0.1:1'}, green: {url: 'http://127.0.0.1:2'}}
"""


def test_the_report_that_a_replay_reads_is_there(folder: Path) -> None:
    """Whatever input names this command's own last report, it is read before it is replaced."""
    own = folder / "ml-cicd-reports/canary/report.json"
    own.parent.mkdir(parents=True)
    own.write_text('{"command": "canary"}\n', encoding="utf-8")
    (folder / "ml-cicd.yml").write_text(CANARY_FILE, encoding="utf-8")
    assert main(["canary", "--replay", str(own)], PROCESS) != Exit.DONE
    assert "'readings' is missing" in json.loads(own.read_text("utf-8"))["headline"]
