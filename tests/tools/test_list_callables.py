"""The lists of what pickles may name hold what the installed libraries have, and only what can be justified."""

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from ml_cicd.registry.formats.callables import CHECKS, KNOWN, known_callables

TOOL = Path(__file__).resolve().parents[2] / "tools" / "list_callables.py"
ROOTS = {
    *("builtins", "collections", "copyreg", "_codecs", "datetime", "decimal", "fractions", "types", "uuid", "numpy"),
    *("scipy", "sklearn", "pandas", "pyarrow", "torch", "xgboost", "lightgbm", "catboost"),
}
OF_C = {"_cython", "_cyutility", "_loss", "_collections"}


@pytest.mark.slow
def test_the_lists_are_those_of_the_tool() -> None:
    """Nothing that the tool finds is missing: after an update of a library it is run again, and its lines are read."""
    found = importlib.util.spec_from_file_location("list_callables", TOOL)
    assert found is not None
    assert found.loader is not None
    tool = importlib.util.module_from_spec(found)
    found.loader.exec_module(tool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, generate in tool.LISTS.items():
            assert set(generate()) - set((KNOWN / name).read_text("ascii").splitlines()) == set(), name


def test_each_line_is_one_name_and_how_it_is_used() -> None:
    """A line that is misread would allow nothing, or too much."""
    for file in KNOWN.glob("*.txt"):
        lines = file.read_text("ascii").splitlines()
        assert len(set(lines)) == len(lines), file.name
        assert all(line.split(" ")[0] in CHECKS and len(line.split(" ")) == 2 for line in lines), file.name
    assert {module.partition(".")[0] for module, _name in known_callables()} == ROOTS


@pytest.mark.parametrize("name", ["eval", "exec", "compile", "getattr", "setattr", "open", "map", "type", "__import__"])
def test_what_leads_anywhere_is_in_no_list(name: str) -> None:
    """By whatever module it is reached."""
    assert [module for module, known in known_callables() if known == name] == []


def test_no_listed_name_leads_out_of_the_libraries() -> None:
    """What stands behind each name, where it is installed, is a class or a function of one of the libraries."""
    out: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module, name in known_callables():
            try:
                value = getattr(importlib.import_module(module), name)
            except (ImportError, AttributeError):
                continue
            home = str(getattr(value, "__module__", None) or module).partition(".")[0]
            if isinstance(value, ModuleType) or home not in ROOTS | OF_C:
                out[f"{module}.{name}"] = value
    assert out == {}
