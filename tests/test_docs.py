"""What the documents say is what the code does."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_cicd.commands.table import COMMANDS, load
from ml_cicd.config import read_config
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.gate.policy import build_policy
from ml_cicd.ground.inputs import options_of
from ml_cicd.registry.formats.scan import formats
from ml_cicd.rollout.doors import ROUTERS, SOURCES
from ml_cicd.rollout.evidence import TRANSITIONS
from ml_cicd.shell.command_line import EXIT_MEANING
from ml_cicd.shell.wiring import door_settings
from tests.test_architecture import DOORS, RANKS
from tools.render_docs import rendered

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MADE = {".venv", ".tools", ".zoo", "run", "golden"}
PAGES = sorted(path for path in ROOT.rglob("*.md") if not MADE & set(path.relative_to(ROOT).parts))
LINK = re.compile(r"\]\(([^)#\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str, kind: str) -> list[str]:
    """Return the fenced blocks of a kind."""
    return [body for found, body in BLOCK.findall(text) if found == kind]


def rows(text: str, header: str) -> list[list[str]]:
    """Return the cells of the table under this header."""
    lines = text[text.index(header) :].splitlines()[2:]
    end = next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]


def test_what_is_supported_is_what_is_there() -> None:
    """The first table names each router, metric source and model format, the oldest Python, and what Windows runs."""
    table = {first: (yes, no) for first, yes, no in rows(README, "| | yes | no |")}
    assert all(f"`{name}`" in table["routers"][0] for name in ROUTERS)
    assert all(f"`{name}`" in table["metrics of a canary"][0] for name in SOURCES)
    assert "(docs/models.md)" in table["models that are registered and rolled out"][0]
    assert {one.name for one in formats()} == {
        row[0] for row in rows((ROOT / "docs" / "models.md").read_text("utf-8"), "| model | recognised by")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f">={table['Python'][0].split()[0]}" == project["requires-python"]
    everywhere = {name for name, entry in COMMANDS.items() if entry.everywhere}
    assert set(re.findall(r"`([a-z-]+)`", table["not run by us"][0])) == everywhere


@pytest.mark.parametrize("path", [*PAGES, *(ROOT / "python").rglob("*.py")], ids=lambda path: path.name)
def test_extras_that_are_named_exist(path: Path) -> None:
    """Whoever types what a page or a message says gets what it promises."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"ml-cicd\[([a-z,]+)\]", path.read_text("utf-8"))
    assert {one for names in named for one in names.split(",")} <= set(extras)


def test_exit_codes() -> None:
    """The README's table is the code's."""
    stated = {int(code): meaning for code, meaning in rows(README, "| code | meaning |")}
    assert stated == {int(code): meaning for code, meaning in EXIT_MEANING.items()}


def test_the_configuration_example() -> None:
    """It is accepted, as it stands, and its gate is a policy."""
    (example,) = (body for body in blocks(README, "yaml") if body.startswith("version: 1"))
    config = read_config(example, "ml-cicd.yml", {"MLFLOW_TRACKING_URI": "https://mlflow.example"}, door_settings)
    assert config.gate is not None
    assert build_policy(config.gate, thresholds=None, where="x").compares


def test_the_example_of_a_metrics_file() -> None:
    """Its names are rules as they stand, nested ones too."""
    (example,) = blocks((ROOT / "docs" / "metrics-files.md").read_text("utf-8"), "yaml")
    config = read_config(f"version: 1\n{example}", "ml-cicd.yml", {}, door_settings)
    assert config.gate is not None
    assert len(build_policy(config.gate, thresholds=None, where="x").rules) == 5


def test_the_output_example() -> None:
    """What the README shows is what a golden run prints."""
    (shown,) = blocks(README, "text")
    assert shown == (ROOT / "tests/golden/worse-than-champion/expected/terminal.txt").read_text("utf-8")


def test_the_workflow_examples() -> None:
    """Each `uses:` is there, and takes the inputs that are given."""
    used = [part for body in blocks(README, "yaml") for part in _users(yaml.safe_load(body))]
    assert len(used) == 2
    for part in used:
        place = ROOT / part["uses"].removeprefix("OWNER/ml-cicd/").removesuffix("@v1")
        path = place / "action.yml" if place.is_dir() else place
        document = yaml.safe_load(path.read_text("utf-8"))
        inputs = document.get("inputs") or document[True]["workflow_call"]["inputs"]  # YAML 1.1 reads `on` as true
        assert set(part["with"]) <= set(inputs)


def _users(value: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if isinstance(value, dict):
        found += [value] if "uses" in value else []
        found += [part for item in value.values() for part in _users(item)]
    elif isinstance(value, list):
        found += [part for item in value for part in _users(item)]
    return found


def test_every_command_is_named() -> None:
    """Actions and commands of the README are the tool's."""
    linked = {name for name in COMMANDS if f"[{name}](actions/{name}/README.md)" in README}
    told = {name for name in COMMANDS if f"| `ml-cicd {name}` |" in README}
    assert linked | told == set(COMMANDS)


def test_every_metric_is_named() -> None:
    """The catalogue has no secrets."""
    assert [name for name in CATALOGUE if f"`{name}`" not in README] == []


def test_the_python_example_is_valid() -> None:
    """It parses, and what it imports exists."""
    (example,) = blocks(README, "python")
    imported = next(node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.ImportFrom))
    module = __import__("ml_cicd")
    assert all(hasattr(module, alias.name) for alias in imported.names)


def test_options_that_the_text_names() -> None:
    """Every `ml-cicd ... --option` in any page is an option of that command."""
    for page in PAGES:
        for command, rest in re.findall(r"ml-cicd ([a-z-]+)((?: (?:--)?[^`\n]+)?)`", page.read_text("utf-8")):
            if command not in COMMANDS:
                continue
            known = {f"--{option.kebab}" for option in options_of(load(command).inputs)} | {"--json", "--help"}
            assert set(re.findall(r"--[a-z-]+", rest)) <= known, (page, command, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A link into the repository has a target."""
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"])
def test_paths_that_the_text_names(page: Path) -> None:
    """A path in backquotes exists, here or in the package."""
    text = page.read_text("utf-8")
    named = re.findall(
        r"`((?:python|tests|tools|examples|ground|stats|gate|registry|rollout|faces|commands|shell)/[\w./-]*)`", text
    )
    package = ROOT / "python" / "ml_cicd"
    assert [path for path in named if not (ROOT / path).exists() and not (package / path).exists()] == []


def test_the_canarys_table() -> None:
    """The page shows the transitions in their order."""
    assert rows(ARCHITECTURE, "| decision | reason |") == [[t.decision.value, t.reason] for t in TRANSITIONS]


def test_the_wings() -> None:
    """The page puts every folder and file where the test of the rules does, doors too."""
    table = rows(ARCHITECTURE, "| rank | where | what is there | doors |")
    stated = {where.strip("`"): int(rank) for rank, where, _, _ in table}
    assert stated == {name: rank for name, rank in RANKS.items() if name not in {"version", "__init__", "__main__"}}
    doors = {name for *_, cell in table for name in re.findall(r"`([\w/]+)`", cell)}
    assert doors == set(DOORS)


def test_what_the_pages_take_from_the_code_is_fresh() -> None:
    """The diagram of phases is the machine's table, and the recipes are the files that are tested."""
    assert [path.name for path, text in rendered().items() if path.read_text("utf-8") != text] == []
    assert "running --> promoted: proven (ledger, router, alias)" in ARCHITECTURE
