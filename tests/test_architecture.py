"""The house's rules, held by walking the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "ml_cicd"
FLOORS: dict[str, float] = {
    "errors": 0,
    "parse": 0.1,  # within a floor the order is written down too
    "spec": 0.2,
    "yaml_text": 0.2,
    "domain": 1,
    "stats": 2,
    "ports": 2,
    "decide": 3,
    "render": 3,
    "measure": 4,
    "adapters": 4,
    "github": 4,
    "apply": 4,
    "commands": 5,
    "command_line": 6,
    "wiring": 6,
    "publish": 6.1,
    "api": 7,
    "front_door": 7,
    "runner": 7,
    "__main__": 8,
    "__init__": 8,
}
IMPURE = {"os", "sys", "pathlib", "subprocess", "socket", "time", "random", "tempfile", "shutil", "secrets"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "core", "manager", "base", "misc"}
FILES = sorted(PACKAGE.rglob("*.py"))


def floor_of(path: Path) -> tuple[str, float]:
    """Return the package-level name of a file and its floor."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return name, FLOORS[name]


def imports_of(path: Path) -> set[str]:
    """Return the dotted names that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    """A module imports from lower floors or from its own package, never upward or sideways."""
    name, floor = floor_of(path)
    for imported in imports_of(path):
        parts = imported.split(".")
        if parts[0] != "ml_cicd" or len(parts) == 1 or parts[1] not in FLOORS or parts[1] == name:
            continue
        assert FLOORS[parts[1]] < floor, f"{path.name} (floor {floor}) imports {imported}"


@pytest.mark.parametrize("path", [p for p in FILES if floor_of(p)[1] < 4], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_low_floors_are_pure(path: Path) -> None:
    """Floors 0 to 3 touch no file, clock, process, randomness or terminal."""
    assert not {i.split(".")[0] for i in imports_of(path)} & IMPURE
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"print", "open", "input"}


def test_only_wiring_names_adapters() -> None:
    """Adapters are chosen in one place (the Python API wires its own registry)."""
    users = {
        floor_of(path)[0]
        for path in FILES
        for imported in imports_of(path)
        if imported.startswith("ml_cicd.adapters") and floor_of(path)[0] != "adapters"
    }
    assert users <= {"wiring", "api"}


def test_budgets() -> None:
    """No file over 300 lines, no function over 60, no module with a name that says nothing."""
    for path in FILES:
        text = path.read_text("utf-8")
        assert text.count("\n") <= 300, path
        assert path.stem not in FORBIDDEN_NAMES, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno + 1 <= 60, f"{path}: {node.name}"


def test_package_files_are_empty() -> None:
    """Every __init__ file is empty but the top one, which holds the version."""
    assert all(not p.read_text("utf-8").strip() for p in PACKAGE.rglob("*/__init__.py") if p.parent != PACKAGE)


@pytest.mark.parametrize("command", ["rollback", "canary", "status"])
def test_traffic_commands_are_light(command: str) -> None:
    """Loading a traffic command loads neither numpy nor duckdb nor mlflow: traffic must not wait for them."""
    code = (
        "import sys; from ml_cicd import runner, wiring; from ml_cicd.commands.table import load\n"
        f"load({command!r}); wiring.real_world(print).clock\n"
        "print([m for m in ('numpy', 'duckdb', 'mlflow', 'torch', 'pandas') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
