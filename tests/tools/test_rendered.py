"""What is rendered from declarations is fresh: each default has one home."""

import ast
import dataclasses
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ml_cicd.gate.settings import EvidenceSettings, GateSettings
from ml_cicd.rollout.guardrails.catalogue import GUARDRAILS
from ml_cicd.rollout.settings import CanarySettings
from tools import render_actions, render_schema

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "ml_cicd"
DECIDING = [GateSettings, CanarySettings, *GUARDRAILS.values()]
ANOTHER_MEANING = {
    ("rollout/state.py", "lease"),  # a time of day in the router, zero for none
    ("rollout/counting.py", "times"),  # answers by their time, none of them
    ("gate/engines/memory.py", "warm_up"),  # calls before a model is timed
    ("starter/written.py", "steps"),  # of a workflow's job, none of them
}
NAMES = {field.name for of in DECIDING for field in dataclasses.fields(of) if "kind" in field.metadata}


def test_the_schema_is_fresh() -> None:
    """`schemas/config-v1.json` is what the settings declare."""
    assert render_schema.main(["--check"]) == 0


def test_the_actions_are_fresh() -> None:
    """Each action.yml and each table of a README is what the commands declare."""
    assert render_actions.main(["--check"]) == 0


def test_a_stale_file_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --check nothing is written; the file is named, and what to run."""
    stale = ROOT / "python" / "ml_cicd" / "schemas" / "report-v1.json"
    before = stale.read_text("utf-8")
    monkeypatch.setattr(render_schema, "PATH", stale)
    assert render_schema.main(["--check"]) == 1
    assert "report-v1.json is stale: run `make render`" in capsys.readouterr().err
    assert stale.read_text("utf-8") == before


def test_every_default_of_the_schema_is_a_declared_one() -> None:
    """Reading an empty section gives what the schema states."""
    schema = json.loads(render_schema.PATH.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    canary = schema["properties"]["canary"]["properties"]
    assert canary["steps"]["default"] == [step / 100 for step in CanarySettings().steps]
    assert canary["minimum_requests"]["default"] == CanarySettings().minimum_requests
    assert schema["properties"]["gate"]["properties"]["confidence"]["default"] == GateSettings().confidence
    columns = schema["properties"]["evidence"]["properties"]["columns"]["properties"]
    assert columns["label"]["default"] == EvidenceSettings().columns.label


def says_something(name: str, node: ast.expr | None) -> bool:
    """Whether a default decides anything: nothing, an empty text, an empty collection and `first_home.name` do not."""
    if node is None or (isinstance(node, ast.Attribute) and node.attr == name):
        return False
    if isinstance(node, ast.Call):  # a declaration: its own default counts, e.g. that of `option(...)`
        return any(keyword.arg == "default" and says_something(name, keyword.value) for keyword in node.keywords)
    try:
        return ast.literal_eval(node) not in (None, "", (), [], {})
    except ValueError:
        return True


def second_homes(tree: ast.AST) -> list[tuple[str, int]]:
    """Return (name, line) of parameters and fields whose name is a deciding setting's and that have a default."""
    found: list[tuple[str, ast.expr | None]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            positional = [*node.args.posonlyargs, *node.args.args]
            found += [(a.arg, d) for a, d in zip(reversed(positional), reversed(node.args.defaults), strict=False)]
            found += [(a.arg, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append((node.target.id, node.value))
        elif isinstance(node, ast.Assign):
            found += [(target.id.lower(), node.value) for target in node.targets if isinstance(target, ast.Name)]
    return [
        (name, default.lineno) for name, default in found if name in NAMES and default and says_something(name, default)
    ]


def test_a_default_that_changes_a_verdict_stands_once() -> None:
    """Outside the settings no parameter and no field of such a name has a default that says anything."""
    assert {"confidence", "when_inconclusive", "when_no_champion", "margin", "false_rollback_rate"} <= NAMES
    homes = {module.replace(".", "/") for module in (of.__module__.partition(".")[2] for of in DECIDING)}
    files = {path.relative_to(PACKAGE).with_suffix("").as_posix(): path for path in PACKAGE.rglob("*.py")}
    found = {
        (f"{name}.py", setting)
        for name, path in files.items()
        if name not in homes
        for setting, _ in second_homes(ast.parse(path.read_text("utf-8")))
    }
    assert found - ANOTHER_MEANING == set()


@pytest.mark.parametrize(
    "text",
    [
        "def f(*, confidence=0.95): ...",
        "def f(a, margin=0.01): ...",
        "class C:\n    when_inconclusive: str = 'fail'",
        "class C:\n    when_inconclusive: str = option('x', default='fail')",
        "CONFIDENCE = 0.95",
        "f = lambda margin=0.1: margin",
        "class C:\n    margin: float = DEFAULT",
    ],
)
def test_a_second_home_is_found(text: str) -> None:
    """Whatever its form."""
    assert [name for name, _ in second_homes(ast.parse(text))] != []


@pytest.mark.parametrize(
    "text",
    [
        "def f(*, confidence): ...",
        "def f(confidence: float | None = None): ...",
        "class C:\n    when_inconclusive: str = option('x', choices=('fail', 'warn'))",
        "class C:\n    margin: float",
        "f(confidence=0.95)",
        "def f(*, confidence: float = DEFAULTS.confidence): ...",
    ],
)
def test_what_is_none_is_not_found(text: str) -> None:
    """A parameter without a default, an input that is empty unless given, a value that is handed over."""
    assert second_homes(ast.parse(text)) == []
