"""Puts a report where people and machines look: files, terminal, and the runner's files and annotations."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ml_cicd.faces.json_v1 import to_json
from ml_cicd.faces.markdown import to_markdown
from ml_cicd.faces.terminal import to_terminal
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Outcome
from ml_cicd.ground.report import Report
from ml_cicd.shell.github.commands import Annotation, command_lines, fenced
from ml_cicd.shell.github.outputs import write_outputs
from ml_cicd.shell.github.summary import append_summary
from ml_cicd.version import __version__

OWN_FOLDER = ".ml-cicd"


def publish(
    report: Report, *, report_dir: str, environ: Mapping[str, str], as_action: bool = False, as_json: bool = False
) -> int:
    """Write report and summary, tell the runner, print the result, and return the exit code."""
    folder = Path(report_dir or f"{OWN_FOLDER}/{report.command}").absolute()
    paths = {"report": str(folder / "report.json"), "summary": str(folder / "summary.md")}
    outputs = {**report.outputs, **paths}
    # All faces are drawn before anything is written: if one cannot be, nothing has been said yet.
    text = to_json(report, tool_version=__version__, outputs=outputs)
    summary = to_markdown(report)
    shown = text if as_json else to_terminal(report, colour=_colour(environ), width=_width())
    code = int(report.exit_code)
    try:
        if not report_dir:
            _write(folder.parent / ".gitignore", "*\n")
        _write(folder / "report.json", text)
        _write(folder / "summary.md", summary)
    except OSError as problem:
        print(f"The report cannot be written: {problem}. Check the input report-dir.", file=sys.stderr)
        code = code or int(Exit.INPUT)
        outputs |= dict.fromkeys(paths, "")
    if as_action:
        _tell_runner(report, outputs, summary, environ)
    _print(fenced(shown) if as_action else shown)
    return code


def forget(command: str, report_dir: str, *, reads: Collection[str] = ()) -> None:
    """Remove this command's last report: if this run is killed, nobody may take that one for this one's.

    Another command's report stays: `register` may read the gate's from the folder that it writes to. So does one that
    the run `reads`, e.g. to repeat its verdict.
    """
    folder = Path(report_dir or f"{OWN_FOLDER}/{command}")
    if (folder / "report.json").absolute() in {Path(path).absolute() for path in reads if path}:
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if json.loads((folder / "report.json").read_text("utf-8")).get("command") == command:
            (folder / "report.json").unlink()
            (folder / "summary.md").unlink(missing_ok=True)


def _print(text: str) -> None:
    """Print whatever the terminal can show; a reader that went away does not change the verdict."""
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that a reader never sees half of it, whoever else writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="backslashreplace", dir=path.parent, prefix=f"{path.name}.", delete=False
    ) as fresh:
        fresh.write(text)
    Path(fresh.name).chmod(0o644)
    Path(fresh.name).replace(path)


def _tell_runner(report: Report, outputs: Mapping[str, str], summary: str, environ: Mapping[str, str]) -> None:
    if environ.get("GITHUB_OUTPUT"):
        write_outputs(Path(environ["GITHUB_OUTPUT"]), outputs)
    if environ.get("GITHUB_STEP_SUMMARY"):
        append_summary(Path(environ["GITHUB_STEP_SUMMARY"]), summary)
    for line in command_lines(_annotations(report)):
        print(line, flush=True)


def _annotations(report: Report) -> Iterator[Annotation]:
    if report.exit_code is not Exit.DONE:
        yield Annotation(kind="error", title=report.command, message=f"{report.headline} {report.cure}".strip())
    for finding in () if report.verdict is None else report.verdict.findings:  # a verdict is true on pass alone
        if finding.outcome is not Outcome.PASS:
            kind, message = "error" if finding.blocks else "warning", f"{finding.reason} {finding.cure}".strip()
            yield Annotation(kind=kind, title=f"{finding.rule}: {finding.outcome.value}", message=message)


def _colour(environ: Mapping[str, str]) -> bool:
    return sys.stdout.isatty() and not environ.get("NO_COLOR")


def _width() -> int:
    return min(120, shutil.get_terminal_size((122, 20)).columns - 2)
