"""The runbook's commands are commands: somebody types them half asleep."""

import re
import shlex
from pathlib import Path

import pytest

from ml_cicd.faces.markdown import RUNBOOK, to_markdown
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.inputs import read_inputs
from ml_cicd.ground.report import Report
from ml_cicd.shell.command_line import EXIT_MEANING, Request, read_arguments
from ml_cicd.shell.publish import runbook_url

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / RUNBOOK
TEXT = PAGE.read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"`(ml-cicd [^`]+)`", TEXT)) | set(re.findall(r"^(ml-cicd .+)$", TEXT, re.MULTILINE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_parses(command: str) -> None:
    """The real command line reads it, and its inputs are valid."""
    request = read_arguments(shlex.split(command)[1:], {})
    assert isinstance(request, Request)
    read_inputs(request.command.inputs, request.texts)


def test_each_row_says_what_to_type() -> None:
    """A row has what is seen, something to type, and what happens then; one page holds them all."""
    table = TEXT[TEXT.index("| what you see |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert all(len(row) == 3 and all(row) for row in cells)
    assert all("`ml-cicd " in row[1] or "as it is printed" in row[1] for row in cells)
    assert TEXT.count("\n") <= 70


@pytest.mark.parametrize(
    ("words", "module"),
    [
        ("a reload would undo it", "rollout/present.py"),
        ("its deadline comes after", "rollout/forecast.py"),
        ("router and ledger say", "rollout/present.py"),
        ("is HAProxy's master socket", "rollout/routers/haproxy_examination.py"),
        ("somebody else", "rollout/refusal.py"),
    ],
)
def test_what_is_seen_is_what_the_tool_says(words: str, module: str) -> None:
    """Somebody searches the page for the words on the screen."""
    assert words in TEXT
    assert words in (ROOT / "python/ml_cicd" / module).read_text("utf-8").replace('"\n            f"', "")


def test_the_ways_of_an_emergency_are_on_it() -> None:
    """Each of them is typed somewhere."""
    typed = " ".join(COMMANDS)
    assert all(option in typed for option in ("--force", "--take-over", "--allow-inconclusive", "--to champion"))


def test_the_exit_codes_are_the_tools() -> None:
    """It names no code that the tool does not have."""
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert codes <= {int(code) for code in EXIT_MEANING}


def test_pages_lead_to_it() -> None:
    """From the README and from the page for those who carry on."""
    assert "(docs/runbook.md)" in (ROOT / "README.md").read_text("utf-8")
    assert "(runbook.md)" in (ROOT / "docs/architecture.md").read_text("utf-8")


@pytest.mark.parametrize("code", list(Exit))
def test_every_red_report_leads_to_it(code: Exit) -> None:
    """A green one does not need it."""
    report = Report(command="probe", exit_code=code, headline="So.", outputs={})
    assert (RUNBOOK in to_markdown(report)) == (code is not Exit.DONE)
    url = "https://github.com/o/r/blob/v1/docs/runbook.md"
    assert (f"]({url})" in to_markdown(report, runbook=url)) == (code is not Exit.DONE)


def test_the_link_comes_from_the_actions_own_repository() -> None:
    """Where the runner says which one that is, and in no other form than names."""
    environ = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_ACTION_REPOSITORY": "o/r",
        "GITHUB_ACTION_REF": "v1",
    }
    assert runbook_url(environ) == "https://github.com/o/r/blob/v1/docs/runbook.md"
    assert runbook_url({}) == ""
    assert runbook_url({**environ, "GITHUB_ACTION_REPOSITORY": "o/r) [x](javascript:1"}) == ""
