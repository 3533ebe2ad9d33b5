"""Puts a report where people and machines look: files, terminal, and the runner's files and annotations."""

import contextlib
import errno
import json
import re
import secrets
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from ml_cicd.faces.json_v1 import to_json
from ml_cicd.faces.markdown import RUNBOOK, to_markdown
from ml_cicd.faces.picture import PLAINLY
from ml_cicd.faces.terminal import to_terminal
from ml_cicd.faces.words import lets_through
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Outcome
from ml_cicd.ground.report import Report
from ml_cicd.shell.github.commands import Annotation, command_lines, fenced
from ml_cicd.shell.github.outputs import write_outputs
from ml_cicd.shell.github.summary import append_summary
from ml_cicd.shell.streams import print_err, print_out, shows_colour, shows_drawings
from ml_cicd.version import __version__

OWN_FOLDER = "ml-cicd-reports"
RUNBOOK_PARTS = ("GITHUB_SERVER_URL", "GITHUB_ACTION_REPOSITORY", "GITHUB_ACTION_REF")
PLAIN = re.compile(r"\A[A-Za-z0-9._/-]+\Z")
RUNS = "runs"
REPORTS = {"report": "report.json", "summary": "summary.md"}
# What a command may write beside them, and so may take away again.
DOCUMENTS = {"register": ("statement.json",), "status": ("ledger.csv", "ledger.json")}
MOST_RUNS = 50
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})  # no input is to blame for these


def publish(  # noqa: PLR0913  # all but one are keywords
    report: Report,
    *,
    report_dir: str,
    environ: Mapping[str, str],
    as_action: bool = False,
    as_json: bool = False,
    brief: bool = False,
) -> int:
    """Write report and summary, tell the runner, print the result, and return the exit code.

    A `brief` result is what happened and what to do.
    """
    folder = report_folder(report.command, report_dir).absolute()
    beside = {document.output: document.name for document in report.documents}
    paths = {name: str(folder / file) for name, file in (beside | REPORTS).items()}
    outputs = {**report.outputs, **paths}
    # Both files are drawn before one is written: if one cannot be, nothing has been said yet.
    text = to_json(report, tool_version=__version__, outputs=outputs)
    summary = to_markdown(report, runbook=runbook_url(environ))
    # The report last: where it is, so is all that it names.
    files = {document.name: document.text for document in report.documents}
    files |= {REPORTS["summary"]: summary, REPORTS["report"]: text}
    untold = _problem("report", "Check the input report-dir", lambda: _write_all(folder, files, report_dir))
    if untold:
        outputs |= dict.fromkeys(paths, "")
    asked = untold is not None and report_dir and untold.errno not in FULL
    if as_action:
        untold = _tell_runner(report, outputs, summary, environ) or untold
    shown = text if as_json else _drawn(replace(report, sections=()) if brief else report, environ)
    unsaid = print_out(fenced(shown) if as_action else shown)
    if unsaid:
        print_err(f"The result cannot be written: {unsaid}. Check where standard output goes.")
    code = int(report.exit_code)
    if not code and (untold or unsaid):
        code = int(_untold(report, named=bool(asked)))
    return code if shown else code or int(Exit.BUG)


def _untold(report: Report, *, named: bool) -> Exit:
    """Return how a run ends that went well and could not be told: no gate passes by it, and what is done is done.

    `named`: somebody named a place where nothing can be written.
    """
    receipt = report.receipt
    if receipt is not None and any(done.changed for done in receipt.done):
        print_err("All that was to be done is done, only its report is missing. Run it again: nothing is done twice.")
        return Exit.PARTLY
    return Exit.INPUT if named else Exit.OUTSIDE


def report_folder(command: str, report_dir: str) -> Path:
    """Return where a command's report goes."""
    return Path(report_dir or f"{OWN_FOLDER}/{command}")


def runbook_url(environ: Mapping[str, str]) -> str:
    """Return the runbook's address in the repository that this action came from; empty outside an action."""
    server, repository, ref = (environ.get(name, "") for name in RUNBOOK_PARTS)
    if not (server.startswith("https://") and PLAIN.match(server[8:]) and PLAIN.match(repository) and PLAIN.match(ref)):
        return ""
    return f"{server}/{repository}/blob/{ref}/{RUNBOOK}"


def forget(command: str, report_dir: str) -> None:
    """Remove this command's last report: if this run is killed, nobody may take that one for this one's.

    Another command's report stays: `register` may read the gate's from the folder that it writes to.
    """
    folder = report_folder(command, report_dir)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if json.loads((folder / "report.json").read_text("utf-8")).get("command") == command:
            for name in (*REPORTS.values(), *DOCUMENTS.get(command, ())):
                (folder / name).unlink(missing_ok=True)


def _drawn(report: Report, environ: Mapping[str, str]) -> str:
    """Return the report for a terminal; nothing where that is a bug, for the report on disk stands all the same."""
    try:
        text = to_terminal(report, colour=shows_colour() and not environ.get("NO_COLOR"), width=_width())
        return text if shows_drawings() else text.translate(PLAINLY)
    except Exception:  # noqa: BLE001
        log_traceback()
        return ""


def log_traceback() -> None:
    """Print the exception that is being handled, as lines of which none is a command."""
    for line in traceback.format_exc().splitlines():
        print_err(f"| {line}".replace("##[", "## ["))


def _problem(what: str, cure: str, write: Callable[[], None]) -> OSError | None:
    """Write, and return why that is not possible, with a message: a run that could not be told is no pass."""
    try:
        write()
    except OSError as problem:
        todo = "Free space" if problem.errno in FULL else cure
        print_err(f"The {what} cannot be written: {problem}. {todo}.")
        return problem
    return None


def _write_all(folder: Path, files: Mapping[str, str], report_dir: str) -> None:
    if not report_dir:
        _write(folder.parent / ".gitignore", "*\n")
    for name, text in files.items():
        _write(folder / name, text)
    if not report_dir:  # a folder that somebody named holds what they expect there, and no more
        _keep(folder / RUNS, files)


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that a reader never sees half of it, whoever else writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="backslashreplace", dir=path.parent, prefix=f"{path.name}.", delete=False
    ) as fresh:
        place = Path(fresh.name)
        with contextlib.ExitStack() as undo:
            undo.callback(place.unlink, missing_ok=True)  # on a full disk every run would leave one more
            fresh.write(text)
            fresh.flush()
            undo.pop_all()
    place.chmod(0o644)
    place.replace(path)


def _keep(runs: Path, files: Mapping[str, str]) -> None:
    """Keep this run's report in a folder of its own, which no later run replaces; the oldest go when there are many."""
    own = runs / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
    for name, text in files.items():
        _write(own / name, text)
    for old in sorted(runs.iterdir())[:-MOST_RUNS]:
        shutil.rmtree(old, ignore_errors=True)


def _tell_runner(
    report: Report, outputs: Mapping[str, str], summary: str, environ: Mapping[str, str]
) -> OSError | None:
    """Return why one of the runner's files could not be written; each is tried once, whatever the other does."""
    wanted: dict[str, Callable[[Path], None]] = {
        "GITHUB_OUTPUT": lambda path: write_outputs(path, outputs),
        "GITHUB_STEP_SUMMARY": lambda path: append_summary(path, summary),
    }
    found = None
    for name, write in wanted.items():
        if environ.get(name):
            problem = _problem(f"runner's file {name}", "Check the runner", partial(write, Path(environ[name])))
            found = found or problem
    print_out("".join(f"{line}\n" for line in command_lines(_annotations(report))))
    return found


def _annotations(report: Report) -> Iterator[Annotation]:
    if report.exit_code is not Exit.DONE:
        yield Annotation(kind="error", title=report.command, message=f"{report.headline} {report.cure}".strip())
    elif lets_through(report):
        yield Annotation(kind="warning", title=report.command, message=report.headline)
    for finding in () if report.verdict is None else report.verdict.findings:  # a verdict is true on pass alone
        if finding.outcome is not Outcome.PASS:
            kind, message = "error" if finding.blocks else "warning", f"{finding.reason} {finding.cure}".strip()
            yield Annotation(kind=kind, title=f"{finding.rule}: {finding.outcome.value}", message=message)


def _width() -> int:
    return min(120, shutil.get_terminal_size((122, 20)).columns - 2)
