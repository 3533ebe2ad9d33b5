"""The house's rules, held on the syntax tree of every file of the package (docs/architecture.md, Rules)."""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "ml_cicd"
RANKS = {
    "version": 0,
    "ground": 1,
    "settings": 2,
    "stats": 3,
    "faces": 3,
    "gate": 4,
    "registry": 4,
    "rollout": 5,
    "starter": 5,
    "config": 6,
    "world": 7,
    "commands": 8,
    "shell": 9,
    "api": 10,
    "__init__": 11,
    "__main__": 11,
}
ONLY = {"faces": {"ground"}, "stats": {"ground"}}  # fewer than their rank allows
DOORS = ("gate/engines", "registry/formats", "registry/mlflow", "rollout/routers", "rollout/sources", "rollout/slots")
OUTER = {"shell", "api", "__main__", "__init__"}
OUTSIDE = {"os", "sys", "pathlib", "subprocess", "socket", "time", "random", "secrets", "tempfile", "shutil", "urllib"}
OUTSIDE_CALLS = {"print", "open", "input"}
PORT_WRITES = {"register", "set_alias", "append_entry", "annotate", "set_split", "deploy", "write_new"}
STAGES = re.compile(r"\b(gate|registry|rollout|canary|training|monitor)", re.IGNORECASE)
EMPTY_NAMES = {"utils", "helpers", "common", "core", "manager", "base", "misc"}
OF_A_BASE_CLASS = {"redirect_request"}  # the standard library says how many parameters it has
FILES = sorted(PACKAGE.rglob("*.py"))


def label(path: Path) -> str:
    """Return a file's path inside the package."""
    return path.relative_to(PACKAGE).as_posix()


def top(path: Path) -> str:
    """Return the wing, folder or file of the top level that a file is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def door(path: Path) -> str:
    """Return the door that a file is in; empty for none."""
    return next((name for name in DOORS if label(path).startswith(f"{name}/") and path.stem != "__init__"), "")


def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


def imports_of(path: Path) -> set[str]:
    """Return the dotted names of the modules that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if module_file(name)} or {node.module}
    return found


def module_file(name: str) -> Path | None:
    """Return the file of a module of the package; None for what is none."""
    place = PACKAGE.parent.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def ours(path: Path) -> dict[str, Path]:
    """Return what a file imports from the package, as files."""
    found = {name: module_file(name) for name in imports_of(path) if name.partition(".")[0] == "ml_cicd"}
    return {name: file for name, file in found.items() if file is not None}


@pytest.mark.parametrize("path", FILES, ids=label)
def test_imports_go_down(path: Path) -> None:
    """1. A file imports from its own wing or from below; wings beside each other do not see each other."""
    here = top(path)
    for name, file in ours(path).items():
        there = top(file)
        if there == here or file == PACKAGE / "__init__.py":
            continue
        assert RANKS[there] < RANKS[here], f"{label(path)} imports {name}"
        assert there in ONLY.get(here, {there}), f"{label(path)} imports {name}"


def test_there_is_no_circle() -> None:
    """1. No file imports itself by way of others; an import inside a function counts too."""
    graph = {path: set(ours(path).values()) - {path} for path in FILES}
    done: set[Path] = set()
    while ready := {path for path, needs in graph.items() if path not in done and needs <= done}:
        done |= ready
    lazy = {PACKAGE / "__init__.py"}
    assert sorted(label(path) for path in set(FILES) - done - lazy) == []


def is_pure(path: Path) -> bool:
    """Whether a file must not touch the outside."""
    return not door(path) and top(path) not in OUTER


def third_parties(path: Path) -> set[str]:
    """Return what a file imports from neither the package nor the standard library."""
    names = {name.partition(".")[0] for name in imports_of(path)}
    return names - sys.stdlib_module_names - {"ml_cicd"}


@pytest.mark.parametrize("path", [path for path in FILES if is_pure(path)], ids=label)
def test_only_doors_touch_the_outside(path: Path) -> None:
    """2. All else has no file, clock, process, network, randomness or terminal, and no third party but PyYAML."""
    assert not {name.partition(".")[0] for name in imports_of(path)} & OUTSIDE
    calls = {n.func.id for n in ast.walk(tree(path)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & OUTSIDE_CALLS
    assert third_parties(path) <= ({"yaml"} if label(path) == "ground/yaml_text.py" else set())


def test_only_wiring_opens_doors() -> None:
    """2. A door is imported by itself, by another door of its wing, and by the wiring: nobody else names one."""
    for path in FILES:
        for name, file in ours(path).items():
            if door(file) and top(file) != top(path):
                assert label(path) == "shell/wiring.py", f"{label(path)} imports {name}"
            if door(file) and top(file) == top(path):
                assert door(path), f"{label(path)} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if door(path)], ids=label)
def test_a_door_sees_its_own_wing(path: Path) -> None:
    """2. A door imports its own wing and what lies below all wings."""
    assert {top(file) for file in ours(path).values()} <= {top(path), "ground", "settings", "stats"} | (
        {"registry"} if top(path) == "rollout" else set()
    )


def test_the_tables_of_doors_name_files() -> None:
    """2. What a wing's table of doors says can be opened."""
    from ml_cicd.gate.doors import ENGINES
    from ml_cicd.registry.doors import FORMATS
    from ml_cicd.rollout.doors import ROUTERS, SOURCES

    for table in (ENGINES, FORMATS, ROUTERS, SOURCES):
        for name in table.values():
            file = module_file(name)
            assert file is not None, name
            assert door(file), name


def calls_in(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (innermost function around it, name of the method) for each call of a method in a file."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            inside = child.name if isinstance(child, ast.FunctionDef) else function
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
                yield inside, child.func.attr
            yield from walk(child, inside)

    yield from walk(tree(path), "")


@pytest.mark.parametrize("path", [p for p in FILES if top(p) not in {"ground", "stats"} and not door(p)], ids=label)
def test_effects_are_performed_by_operations_alone(path: Path) -> None:
    """3. A port's writing method is called in an operation's `perform`, and `perform` by nobody here."""
    for function, method in calls_in(path):
        assert method not in PORT_WRITES or function == "perform", f"{label(path)}: {function} calls {method}"
        assert method != "perform", f"{label(path)}: {function} performs an operation"


def test_one_function_performs() -> None:
    """3. `perform` has one caller: `apply`."""
    callers = {(label(p), function) for p in FILES for function, method in calls_in(p) if method == "perform"}
    assert callers == {("ground/operation.py", "apply")}


def test_one_file_sets_phases() -> None:
    """3. `phase=` is written in the machine; one other file reads it back from text."""
    setters = {
        label(path)
        for path in FILES
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "phase" and not isinstance(keyword.value, ast.Call)
    }
    assert setters == {"rollout/machine.py"}


@pytest.mark.parametrize("path", [path for path in FILES if top(path) in {"ground", "stats"}], ids=label)
def test_the_ground_names_no_stage(path: Path) -> None:
    """4. Neither code nor comment of `ground` and `stats` knows which stage uses it."""
    assert STAGES.findall(path.read_text("utf-8")) == []


def test_the_ground_stays_small() -> None:
    """4. At most 1,000 lines, or it has become the place for what belongs nowhere."""
    assert sum(path.read_text("utf-8").count("\n") for path in FILES if top(path) == "ground") <= 1000


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function of the package."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return a function's lines."""
    return (node.end_lineno or 0) - node.lineno + 1


def test_budgets() -> None:
    """5. Files of at most 300 lines, functions of at most 60 with a median of about ten, five positional parameters."""
    for path in FILES:
        assert path.read_text("utf-8").count("\n") <= 300, label(path)
        assert path.stem not in EMPTY_NAMES, label(path)
    lengths = []
    for path, node in functions():
        lengths.append(length(node))
        assert length(node) <= 60, f"{label(path)}: {node.name}"
        positional = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args) if argument.arg != "self"]
        assert len(positional) <= 5 or node.name in OF_A_BASE_CLASS, f"{label(path)}: {node.name}"
    assert statistics.median(lengths) <= 12


def test_package_files_are_empty() -> None:
    """Every __init__ file is empty but the top one, which is the Python API."""
    assert all(not p.read_text("utf-8").strip() for p in PACKAGE.rglob("*/__init__.py") if p.parent != PACKAGE)


@pytest.mark.parametrize("command", ["rollback", "canary", "status"])
def test_traffic_commands_are_light(command: str) -> None:
    """6. Loading a traffic command and opening HAProxy loads neither numpy nor duckdb nor mlflow nor jsonschema."""
    code = (
        "import sys; from ml_cicd.shell import runner, wiring; from ml_cicd.commands.table import load\n"
        "from ml_cicd.rollout.doors import ROUTERS, SOURCES\n"
        f"load({command!r}); wiring.real_world(print).clock\n"
        "[wiring.open_door(table, name) for table in (ROUTERS, SOURCES) for name in table]\n"
        "print([m for m in ('numpy', 'duckdb', 'mlflow', 'torch', 'pandas', 'jsonschema') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_the_traffic_lock_is_one_package() -> None:
    """6. What is installed before traffic moves is PyYAML, and nothing else."""
    lock = (ROOT / "python" / "locks" / "traffic.txt").read_text("utf-8")
    assert re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE) == ["pyyaml"]
