"""One folder a case: the command line and its files, beside the exit code and the report that they give.

The report holds all that is said; what people see of it is held for a few cases, one for each thing that a face shows.
After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden`, then read the difference.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ml_cicd.version import __version__

HERE = Path(__file__).resolve().parent
CASES = sorted(path.parent for path in HERE.glob("*/arguments"))
FACES = ("terminal.txt", "summary.md")
SHOWN = {
    "worse-than-champion",  # findings with bounds; the README shows this one
    "inconclusive-warns",  # a warning, and a note
    "metrics-file",  # points
    "registry-down",  # an error and its cure
    "init-dry-run",  # a plan
    "wrong-documents",  # checks
}
SCHEMA = HERE.parents[1] / "python" / "ml_cicd" / "schemas" / "report-v1.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))


def run(case: Path, folder: Path) -> dict[str, str]:
    """Run the case in a copy of its folder, and return everything that it gave, by file name."""
    work = folder / "work"
    shutil.copytree(case, work, ignore=shutil.ignore_patterns("arguments", "expected"))
    answer = subprocess.run(
        [sys.executable, "-I", "-m", "ml_cicd", *(case / "arguments").read_text("utf-8").splitlines()],
        cwd=work,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GITHUB_SHA": "0" * 40},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = {"exit-code": f"{answer.returncode}\n", "terminal.txt": answer.stdout + answer.stderr}
    for path in filter(Path.is_file, work.glob("ml-cicd-reports/*/*")):
        found[path.name] = path.read_text("utf-8").replace(__version__, "VERSION")
    return {name: text.replace(str(work), "WORK") for name, text in found.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_case(case: Path, tmp_path: Path) -> None:
    """The case gives exactly what stands in its folder; a run that is no pass says what to do."""
    found = run(case, tmp_path)
    terminal = found["terminal.txt"]
    if case.name not in SHOWN:
        found = {name: text for name, text in found.items() if name not in FACES}
    expected = case / "expected"
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(expected, ignore_errors=True)
        expected.mkdir()
        for name, text in found.items():
            (expected / name).write_text(text, encoding="utf-8")
    assert found == {path.name: path.read_text("utf-8") for path in expected.iterdir()}
    report = json.loads(found["report.json"])
    VALIDATOR.validate(report)
    assert report["exit_code"] == int(found["exit-code"])
    assert report["exit_code"] == 0 or report["cure"]
    assert "Traceback" not in terminal


def test_every_case_that_is_shown_is_there() -> None:
    """None was renamed without its place in the list."""
    assert {case.name for case in CASES} >= SHOWN
