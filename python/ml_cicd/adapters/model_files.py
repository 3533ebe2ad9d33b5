"""A model's files: their payload digest, and what in them could run code. Nothing is loaded, nothing is executed."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ml_cicd.adapters.pt2_files import archive_violations
from ml_cicd.errors import EvidenceError, InputError
from ml_cicd.parse import as_mapping
from ml_cicd.yaml_text import read_yaml

EXCLUDED = {"registered_model_meta"}
VOLATILE = {
    "run_id",
    "model_id",
    "model_uuid",
    "utc_time_created",
    "artifact_path",
    "mlflow_version",
    "model_size_bytes",
}
LOADERS = {"mlflow.pytorch"}
LARGEST_MLMODEL = 4 * 2**20
PROGRAM = "data/model.pt2"
SAFE = re.compile(
    r"MLmodel|conda\.yaml|python_env\.yaml|requirements\.txt|constraints\.txt"
    r"|(serving_)?input_example\.json|registered_model_meta|data/model\.pt2"
)


def payload_digest(path: Path) -> str:
    """Return `sha256:<hex>` over a model that survives logging the same weights again.

    A file: its bytes. A folder: name and bytes of every regular file in bytewise order of their names, with MLmodel
    reduced to what does not change at each logging.

    Raises:
        InputError: nothing there. EvidenceError: a link or a special file in it, or an MLmodel that cannot be read.
    """
    if path.is_symlink() or not path.exists():
        raise InputError(f"{path} is not a model's file or folder.", cure="Check the input model.")
    if not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is neither a file nor a folder.", cure="Check the input model.")
    if path.is_file():
        return "sha256:" + _sha256(path)
    digest = hashlib.sha256()
    count = 0
    for name, file in sorted(_files(path), key=lambda pair: os.fsencode(pair[0])):
        if name in EXCLUDED:
            continue
        count += 1
        line = (
            f"MLmodel {json.dumps(_lasting(file), sort_keys=True)}" if name == "MLmodel" else f"{_sha256(file)}  {name}"
        )
        digest.update(os.fsencode(line + "\n"))
    if count == 0:
        raise InputError(f"{path} is an empty folder.", cure="Check the input model.")
    return "sha256:" + digest.hexdigest()


def policy_violations(path: Path) -> tuple[str, ...]:
    """Return what in an MLflow model folder could run code when it is loaded; empty for a plain pt2 model.

    An allow-list: unknown files, loaders and flavors are violations.
    """
    try:
        described = _read_mlmodel(path / "MLmodel")
    except EvidenceError as problem:
        return (problem.what,)
    found: list[str] = []
    flavors = described.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        return ("MLmodel has no flavors",)
    for name, flavor in flavors.items():
        found += _flavor_violations(str(name), flavor if isinstance(flavor, dict) else {})
    for folder, names, files in os.walk(path):
        for name in [*names, *files]:
            entry = Path(folder) / name
            relative = entry.relative_to(path).as_posix()
            if entry.is_symlink() or (not entry.is_dir() and not (entry.is_file() and SAFE.fullmatch(relative))):
                found.append(f"file {relative!r} is not one of a plain pt2 model")
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


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            entry = Path(folder) / name
            if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                raise EvidenceError(
                    f"{entry} is a link or a special file.",
                    cure="A model holds plain files only; copy what it points to.",
                )
        for name in files:
            yield (Path(folder) / name).relative_to(root).as_posix(), Path(folder) / name


def _read_mlmodel(file: Path) -> Mapping[str, object]:
    """Read MLmodel as plain data; what YAML knows beyond that (dates, sets, tags) is refused."""
    try:
        if file.stat().st_size > LARGEST_MLMODEL:
            raise EvidenceError(f"{file} is larger than 4 MiB.", cure="Save the model with mlflow.")
        return as_mapping(read_yaml(file.read_text(encoding="utf-8"), str(file)).value, str(file))
    except (OSError, UnicodeDecodeError) as problem:
        raise EvidenceError(f"{file} cannot be read: {problem}.", cure="Save the model with mlflow.") from problem
    except InputError as problem:
        raise EvidenceError(problem.what, cure="Save the model with mlflow.") from problem


def _lasting(file: Path) -> dict[str, object]:
    """Return MLmodel without what changes at each logging."""
    return {name: value for name, value in _read_mlmodel(file).items() if name not in VOLATILE}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
