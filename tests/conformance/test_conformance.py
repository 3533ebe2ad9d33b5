"""Files as other tools write them: each folder is a case with its right outcome.

No case passes wrongly, none ends in a traceback, and none leaves a person without a cure. The table in
`docs/evidence.md` is rendered from the cases (`python tools/render_docs.py`).
"""

import json
import os
import runpy
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_cicd.shell import runner
from ml_cicd.shell.wiring import real_world
from tests.conformance.cases import Case, all_cases, one_line

CASES = all_cases()
BESIDES = shutil.ignore_patterns("case.yml", "make.py")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Give the process its signal handlers back: the runner ignores signals once its outcome is there."""
    kept = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in kept.items():
        signal.signal(one, handler)


def gate(case: Case, folder: Path) -> int:
    """Run the gate in a copy of the case's folder."""
    shutil.copytree(case.folder, folder, ignore=BESIDES, dirs_exist_ok=True)
    os.chdir(folder)
    if (case.folder / "make.py").is_file():
        runpy.run_path(str(case.folder / "make.py"))
    return runner.main(case.arguments, runner.Process(environ={}, make_world=real_world))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate answers what stands in the case, with its reason, and never with a traceback."""
    monkeypatch.chdir(tmp_path)
    code = gate(case, tmp_path / "work")
    printed = "".join(capsys.readouterr())
    report = json.loads(Path("ml-cicd-reports/quality-gate/report.json").read_text("utf-8"))
    said = one_line(f"{printed} {json.dumps(report, ensure_ascii=False)}")
    assert (code, report["outputs"]["verdict"]) == (case.exit, case.verdict), printed
    for text in case.says:
        assert text in said, printed
    for text in case.never:
        assert text not in said, printed
    assert "Traceback" not in printed
    assert code == 0 or report["cure"]


def test_every_case_is_whole() -> None:
    """A case says what it is about in one line, has something to look for, and no pass ends in an error code."""
    assert [case.name for case in CASES if not case.says or "\n" in case.what or "|" in case.what] == []
    assert [case.name for case in CASES if case.verdict == "pass" and case.exit] == []
