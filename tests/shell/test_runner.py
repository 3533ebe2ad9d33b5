"""Parse, wire, run, publish, exit: whatever happens, there is a report and an exit code that says it."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ml_cicd.ground.errors import Defect, EvidenceError, Exit
from ml_cicd.ground.finding import Finding, Outcome, Severity, Verdict, worst
from ml_cicd.ground.report import Findings, Note, Report
from ml_cicd.shell.runner import Process, main
from tests.actions.composite_runner import parse_outputs
from tests.shell.probe import Inputs, done

World = Callable[[Inputs], Report]


def run(world: World, *arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Run the probe; return its exit code and what its report says."""
    code = main(["probe", *arguments], Process(environ=environ or {}, make_world=lambda _say: world))
    return code, json.loads(Path("ml-cicd-reports/probe/report.json").read_text("utf-8"))


def raising(problem: BaseException) -> World:
    """Return a world in which this goes wrong."""

    def world(_inputs: Inputs) -> NoReturn:
        raise problem

    return world


def test_a_run_that_is_done(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0; report and summary on disk, which git ignores; the result on standard output."""
    code, report = run(lambda _: done())
    assert (code, report["exit_code"], report["command"]) == (0, 0, "probe")
    place = probe / "ml-cicd-reports/probe"
    assert report["outputs"] == {
        "verdict": "pass",
        "count": "1",
        "report": str(place / "report.json"),
        "summary": str(place / "summary.md"),
    }
    assert (place / "summary.md").read_text("utf-8").startswith("## ✅ probe: Done.")
    assert (probe / "ml-cicd-reports/.gitignore").read_text("utf-8") == "*\n"
    assert capsys.readouterr().out == "probe: Done.\n"


def test_inputs_are_read_once(probe: Path) -> None:
    """One command, one reading: the inputs that arrive are those that were given."""
    seen: list[Inputs] = []

    def world(inputs: Inputs) -> Report:
        seen.append(inputs)
        return done()

    run(world, "--mode=wild", "--keen", environ={"ML_CICD_MODE": "calm"})
    assert seen == [Inputs(mode="wild", keen=True)]


def test_an_error_that_a_user_can_meet(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own exit code, sentence and cure; outputs that never read like a pass; no traceback."""
    code, report = run(raising(EvidenceError("Half a file.", cure="Write it again.")))
    assert (code, report["headline"], report["cure"]) == (3, "Half a file.", "Write it again.")
    assert (report["outputs"]["verdict"], report["outputs"]["count"]) == ("error", "")
    assert capsys.readouterr().err == ""


def test_a_state_that_the_code_rules_out(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A defect is a bug: exit 1, with the sentence that says which, and its traceback in the log."""
    code, report = run(raising(Defect("Two champions.")))
    assert (code, report["headline"], report["outputs"]["verdict"]) == (1, "Two champions.", "error")
    assert "report it" in report["cure"]
    assert "| Traceback" in capsys.readouterr().err


def test_any_other_exception_is_a_bug(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, and the traceback is in the log, where no line of it is a command."""
    code, report = run(raising(RuntimeError("##[error]forged\n::error::forged")))
    assert (code, report["exit_code"], report["outputs"]["verdict"]) == (1, 1, "error")
    log = capsys.readouterr().err
    assert "RuntimeError" in log
    assert all(line.startswith("| ") and "##[" not in line for line in log.splitlines())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--mode=odd"], "Input 'mode' is 'odd'."),
        (["--keen=perhaps"], "Input 'keen' is 'perhaps'."),
        (["--working-directory=nowhere"], "Working directory 'nowhere' is not a folder."),
    ],
)
def test_inputs_that_are_refused_are_reported(probe: Path, arguments: list[str], says: str) -> None:
    """Exit 2; nothing ran, and the report goes where it was asked for."""
    never = raising(AssertionError("it ran"))
    code = main(["probe", *arguments, "--report-dir=out"], Process(environ={}, make_world=lambda _say: never))
    report = json.loads((probe / "out/report.json").read_text("utf-8"))
    assert (code, report["headline"]) == (2, says)
    assert report["outputs"]["verdict"] == "error"


@pytest.mark.parametrize("place", ["x" * 5000, "a/" + "y" * 300])
def test_a_place_that_cannot_be(probe: Path, capsys: pytest.CaptureFixture[str], place: str) -> None:
    """A report directory that no file system could hold: exit 2, and it is said."""
    code = main(["probe", f"--report-dir={place}"], Process(environ={}, make_world=lambda _say: lambda _: done()))
    assert code == 2
    assert "The report cannot be written" in capsys.readouterr().err


def test_the_world_is_wired_in_the_working_directory(probe: Path) -> None:
    """Relative paths of the world and of the report start from there."""
    (probe / "sub").mkdir()
    seen: list[Path] = []

    def make_world(_say: Callable[[str], None]) -> World:
        seen.append(Path.cwd())
        return lambda _: done()

    assert main(["probe", "--working-directory=sub"], Process(environ={}, make_world=make_world)) == 0
    assert seen == [probe / "sub"]
    assert (probe / "sub/ml-cicd-reports/probe/report.json").is_file()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_run(probe: Path, sent: signal.Signals) -> None:
    """Exit 130; the first signal unwinds, a second does not cut that off."""
    steps: list[str] = []

    def world(_inputs: Inputs) -> Report:
        try:
            os.kill(os.getpid(), sent)
            steps.append("went on")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("unwound")
        return done()

    code, report = run(world)
    assert (code, report["exit_code"], report["headline"]) == (130, 130, "Interrupted.")
    assert report["outputs"]["verdict"] == "error"
    assert steps == ["unwound"]


def test_after_the_outcome_signals_are_ignored(probe: Path) -> None:
    """What was found stands: nothing cuts its report in two."""
    assert run(lambda _: done())[0] == 0
    assert {signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)} == {signal.SIG_IGN}


def test_a_report_that_cannot_be_drawn_is_a_bug_with_a_report(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A NaN among the details: exit 1, a report that says so, and nothing that reads like a pass."""
    code, report = run(lambda _: done(details={"x": float("nan")}))
    assert (code, report["exit_code"], report["outputs"]["verdict"]) == (1, 1, "error")
    assert "not JSON compliant" in capsys.readouterr().err


def test_progress_is_no_command(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of progress go to standard error at once, and the runner obeys none of them."""

    def make_world(say: Callable[[str], None]) -> World:
        say("::error::forged")
        return lambda _: done()

    assert main(["probe"], Process(environ={}, make_world=make_world)) == 0
    assert capsys.readouterr().err == "| ::error::forged\n"


def test_an_action(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Inputs come from the environment; outputs, summary and annotations go to the runner, the result is fenced."""
    environ = {"GITHUB_OUTPUT": str(probe / "output"), "GITHUB_STEP_SUMMARY": str(probe / "summary")}
    environ |= {"ML_CICD_MODE": "wild", "ML_CICD_REPORT_DIR": "out"}
    failing = raising(EvidenceError("Half a file.", cure="Write it again."))
    assert main(["action", "probe"], Process(environ=environ, make_world=lambda _say: failing)) == 3
    outputs = parse_outputs((probe / "output").read_text("utf-8"))
    assert (outputs["verdict"], outputs["report"]) == ("error", str(probe / "out/report.json"))
    assert "Half a file" in (probe / "summary").read_text("utf-8")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "::error title=probe::Half a file. Write it again."
    assert lines[1].startswith("::stop-commands::")
    assert lines[-1] == f"::{lines[1].removeprefix('::stop-commands::')}::"


def test_findings_of_an_action_are_annotations(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What blocks is an error, what only warns a warning, each with its reason and its own cure; a pass is none."""
    broken = Finding(rule="slot blue", outcome=Outcome.ERROR, reason="It is silent.", cure="Start it.")
    findings = (
        broken,
        replace(broken, rule="slot green", severity=Severity.WARN, cure=""),
        replace(broken, rule="router", outcome=Outcome.PASS),
    )
    section = Findings(verdict=Verdict(outcome=worst(findings), findings=findings))
    world = lambda _: done(exit_code=Exit.OUTSIDE, cure="Look.", sections=(section,))  # noqa: E731
    assert main(["action", "probe"], Process(environ={}, make_world=lambda _say: world)) == 4
    assert capsys.readouterr().out.splitlines()[:3] == [
        "::error title=probe::Done. Look.",
        "::error title=slot blue%3A error::It is silent. Start it.",
        "::warning title=slot green%3A error::It is silent.",
    ]


def test_what_is_let_through_is_an_annotation(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that went well and lets something through has its headline there too, as a warning."""
    through = Finding(rule="accuracy", outcome=Outcome.FAIL, severity=Severity.WARN, reason="Missed.")
    section = Findings(verdict=Verdict(outcome=Outcome.PASS, findings=(through,)))
    world = lambda _: done(headline="It passes; 1 rule only warns.", sections=(section,))  # noqa: E731
    assert main(["action", "probe"], Process(environ={}, make_world=lambda _say: world)) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "::warning title=probe::It passes; 1 rule only warns.",
        "::warning title=accuracy%3A fail::Missed.",
    ]


def test_json_is_the_report(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints what is on disk."""
    _, report = run(lambda _: done(), "--json")
    assert json.loads(capsys.readouterr().out) == report


def test_quiet_says_the_outcome_alone(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither progress nor sections; the report on disk has all of it."""

    def make_world(say: Callable[[str], None]) -> World:
        say("on the way")
        return lambda _: done(sections=(Note(text="in detail"),), cure="Rest.")

    assert main(["probe", "-q"], Process(environ={}, make_world=make_world)) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("probe: Done.\nWhat to do: Rest.\n", "")
    assert "in detail" in Path("ml-cicd-reports/probe/report.json").read_text("utf-8")


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_verbose_says_where_an_error_comes_from(probe: Path, capsys: pytest.CaptureFixture[str], flag: str) -> None:
    """The traceback of an error that a user can meet is in the log for who asks for it, and for nobody else."""
    world = raising(EvidenceError("It is odd.", cure="Look."))
    run(world)
    assert "Traceback" not in capsys.readouterr().err
    code, report = run(world, flag)
    assert (code, report["headline"]) == (3, "It is odd.")
    assert "Traceback" in capsys.readouterr().err
