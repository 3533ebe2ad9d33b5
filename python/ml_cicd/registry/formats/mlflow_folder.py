"""A folder that mlflow.pytorch saved as an exported program (pt2), its default: the format that holds no code."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ml_cicd.ground.errors import EvidenceError
from ml_cicd.registry.formats.mlmodel import MLMODEL, read_mlmodel
from ml_cicd.registry.formats.pt2_archive import archive_violations
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.look import Allowed

LOADERS = {"mlflow.pytorch"}
PROGRAM = "data/model.pt2"
SAFE = re.compile(
    r"MLmodel|conda\.yaml|python_env\.yaml|requirements\.txt|constraints\.txt"
    r"|(serving_)?input_example\.json|registered_model_meta|data/model\.pt2"
)


def recognises(path: Path) -> bool:
    """Whether it is a folder that MLflow describes; other flavors than PyTorch's are violations."""
    return (path / MLMODEL).is_file()


def violations(path: Path, _allowed: Allowed) -> tuple[str, ...]:
    """Return what in an MLflow model folder could run code when it is loaded; empty for a plain pt2 model.

    An allow-list: unknown files, loaders and flavors are violations.
    """
    try:
        described = read_mlmodel(path / MLMODEL)
    except EvidenceError as problem:
        return (problem.what,)
    flavors = described.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        return ("MLmodel has no flavors",)
    found: list[str] = []
    for name, flavor in flavors.items():
        found += _flavor_violations(str(name), flavor if isinstance(flavor, dict) else {})
    found += _unknown_files(path)
    program = path / PROGRAM
    found += [f"{PROGRAM}: {problem}" for problem in (archive_violations(program) if program.is_file() else ["absent"])]
    return tuple(found)


def _flavor_violations(name: str, flavor: Mapping[str, object]) -> list[str]:
    found = [
        f"flavor {name} has {key}"
        for key in ("code", "model_code_path", "python_model", "artifacts")
        if flavor.get(key)
    ]
    if name == "python_function" and flavor.get("loader_module") not in LOADERS:
        found.append(f"its loader is {flavor.get('loader_module')!r}")
    if name not in {"python_function", "pytorch"}:
        found.append(f"flavor {name} is not allowed")
    if name == "python_function" and flavor.get("data", "data") != "data":
        found.append("its data path leaves the folder")
    if name == "pytorch" and flavor.get("model_data", "data") != "data":
        found.append("its model data path leaves the folder")
    return found


def _unknown_files(path: Path) -> list[str]:
    found: list[str] = []
    for folder, names, files in os.walk(path):
        for name in [*names, *files]:
            entry = Path(folder) / name
            relative = entry.relative_to(path).as_posix()
            # A link to a known name is refused too: what it points to can change after this look.
            if entry.is_symlink() or (not entry.is_dir() and not (entry.is_file() and SAFE.fullmatch(relative))):
                found.append(f"file {relative!r} is not one of a plain pt2 model")
    return found


FORMAT = Format(
    name="MLflow",
    recognised="a folder with MLmodel",
    looked_at="MLmodel as plain data, every file by name, the exported program as pt2",
    refused="other flavors, loaders, code and unknown files, links",
    way_out="Save the model with mlflow.pytorch (pt2, its default), without code paths or pickles.",
    recognises=recognises,
    violations=violations,
)
