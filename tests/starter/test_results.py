"""Results that lie in a repository: whatever tool wrote them, the first gate that `init` writes passes on them."""

import re
from pathlib import Path

import pytest

from ml_cicd.commands.quality_gate import Inputs, run
from ml_cicd.shell.wiring import RealWorld
from ml_cicd.starter.tools import RESULTS
from ml_cicd.starter.written import configuration
from tests.starter.test_written import project_of

CASES = Path(__file__).resolve().parents[1] / "conformance" / "metrics"


def is_text(path: Path) -> bool:
    """Whether `init` would read it."""
    try:
        return bool(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        return False


FILES = sorted(path for suffix in ("json", "csv", "xml") for path in CASES.glob(f"*/*.{suffix}") if is_text(path))


def named(path: Path) -> str:
    """Return a name that says what the file is."""
    return path.name if re.fullmatch(RESULTS, path.name) else f"results_{path.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_the_first_gate_passes(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limits are ones that the file reaches; a file without a number to go by is left alone."""
    project = project_of({named(path): path.read_text("utf-8-sig")})
    if project.guesses["evidence"].why.startswith("nothing"):
        assert project.limits == ()
        return
    monkeypatch.chdir(tmp_path)
    Path(named(path)).write_bytes(path.read_bytes())
    Path("ml-cicd.yml").write_text(configuration(project), encoding="utf-8")
    report = run(Inputs(), RealWorld({}, lambda _line: None))
    assert report.outputs["verdict"] == "pass", report.headline


@pytest.mark.parametrize(
    ("case", "metrics"),
    [
        ("lm-eval", ["arc_easy.acc,none"]),
        ("promptfoo", ["pass_rate"]),
        ("junit", ["pass_rate"]),
        ("trainer", ["accuracy", "f1_score"]),
        ("nested", ["test.acc"]),
        ("dvc-show", ["test.acc"]),
        ("yolo", ["metrics/precision(B)", "metrics/recall(B)", "metrics/mAP50(B)"]),
        ("trainer-training-only", []),
    ],
)
def test_what_is_asked_for(case: str, metrics: list[str]) -> None:
    """What a tool's users look at, and never what was learnt, a counter or a clock."""
    (path,) = (path for path in FILES if path.parent.name == case)
    found = [one.metric for one in project_of({named(path): path.read_text("utf-8")}).limits]
    assert found[: len(metrics)] == metrics
    assert bool(found) == bool(metrics)
