"""A folder that MLflow describes: MLmodel as plain data, each flavour by its record, each file by a format or its name.

An allow-list. What a flavour's loader would read is judged by the format that this loader takes it for, and nothing
may lie in the folder that no record claims. Code that travels along by design passes by `Allowed.code` alone.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ml_cicd.ground.errors import EvidenceError
from ml_cicd.registry.formats.hugging_face import folder_problems
from ml_cicd.registry.formats.mlflow_flavours import FLAVOURS, WORD, Flavour, Found
from ml_cicd.registry.formats.mlmodel import MLMODEL, read_mlmodel
from ml_cicd.registry.formats.reading import BROKEN, bytes_of, first_line
from ml_cicd.registry.formats.scan import Format, recognised
from ml_cicd.registry.look import Allowed

CARRIES_CODE = "Log it without code, or say allow-code: true, which trusts this code as your own."
PYFUNC = "python_function"
BY_NAME = re.compile(
    r"MLmodel|conda\.yaml|python_env\.yaml|requirements\.txt|constraints\.txt|(serving_)?input_example\.json"
    r"|registered_model_meta|LICENSE\.txt|model_card\.md|model_card_data\.yaml"
)
EXTRA, LARGEST_TEXT = "extra_files/", 64 * 2**20
TEXT = {".txt", ".md", ".csv", ".tsv", ".json", ".jsonl"}
CODE_KEYS = ("code", "model_code_path", "python_model", "artifacts")
CODE_LOADERS = {
    *("mlflow.pyfunc.model", "mlflow.pyfunc.loaders.code_model", "mlflow.pyfunc.loaders.chat_model"),
    *("mlflow.pyfunc.loaders.chat_agent", "mlflow.pyfunc.loaders.responses_agent"),
}
PYFUNC_VALUES = {
    "predict_fn": WORD,
    "streamable": re.compile("True|False"),
    "pickle_module_name": re.compile(r"mlflow\.pytorch\.pickle_module"),
    "env": re.compile(r"conda|virtualenv|conda\.yaml|python_env\.yaml"),
    "config": re.compile("device|cpu|cuda(:[0-9]+)?|mps"),
}
CLAIMS = ("data", "model_path")
PATHS = (*CLAIMS, *(flavour.path for flavour in FLAVOURS.values()))
FREE = {"loader_module", "skops_trusted_types", "serialization_format", *PATHS, *CODE_KEYS}  # looked at elsewhere


def _flavours(path: Path) -> Mapping[str, Found]:
    """Return what MLmodel says of each flavour; raises EvidenceError where it cannot be read."""
    found = read_mlmodel(path / MLMODEL).get("flavors")
    named = found if isinstance(found, dict) else {}
    return {str(name): one if isinstance(one, dict) else {} for name, one in named.items()}


def violations(path: Path, allowed: Allowed) -> tuple[str, ...]:
    """Return what in the folder is not known to be harmless; empty for a plain model."""
    try:
        flavours = _flavours(path)
        return tuple(_problems(path, flavours, allowed)) if flavours else (f"{MLMODEL} has no flavors",)
    except EvidenceError as problem:
        return (problem.what.rstrip("."),)
    except BROKEN as problem:
        return (f"{path.name} cannot be read to its end ({first_line(problem)})",)


def _problems(path: Path, flavours: Mapping[str, Found], allowed: Allowed) -> Iterator[str]:
    claimed: set[str] = set()
    for name, found in flavours.items():
        carried = [key for key in CODE_KEYS if found.get(key)]
        if carried and not allowed.code:
            yield f"flavor {name} has {', '.join(carried)}: code that travels with the model"
        if name == PYFUNC:
            yield from _pyfunc(found, flavours)
        elif name in FLAVOURS:
            yield from _values(name, found, FLAVOURS[name].values)
            yield from _data(path, name, found, allowed, claimed)
        else:
            yield f"flavor {name} is none of {', '.join(FLAVOURS)}"
    if allowed.code:
        claimed |= set(code_files(path))
    yield from _files(path, claimed, allowed)


def _pyfunc(found: Found, flavours: Mapping[str, Found]) -> Iterator[str]:
    loader = found.get("loader_module")
    name = str(loader).removeprefix("mlflow.")
    if loader in CODE_LOADERS:
        if not (found.get("python_model") or found.get("model_code_path")):
            yield f"its loader is {loader}, but there is no python_model"
        return  # its code decides about all else
    if str(loader) != f"mlflow.{name}" or name not in FLAVOURS or name not in flavours:
        yield f"its loader is {loader!r}"
        return
    yield from _values(PYFUNC, found, PYFUNC_VALUES)
    data = _path_of(FLAVOURS[name], flavours[name])
    yield from (f"its {key} is {found[key]!r}, not {data!r}" for key in CLAIMS if found.get(key) not in {None, data})


def _values(name: str, found: Found, patterns: Mapping[str, re.Pattern[str]]) -> Iterator[str]:
    """Yield values that a loader could import or look up by name, and keys that nobody knows."""
    for key, value in found.items():
        if key in FREE or str(key).endswith("_version"):
            continue
        if key in patterns:
            odd = next((leaf for leaf in _leaves(value) if not patterns[key].fullmatch(str(leaf))), None)
            if odd is not None:
                yield f"flavor {name} has {key} {odd!r}"
        elif value:
            yield f"flavor {name} has {key}, which is not known"


def _leaves(value: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield every name and every value in a value, nothing for None."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif value is not None:
        yield value


def _path_of(flavour: Flavour, found: Found) -> str:
    value = found.get(flavour.path, flavour.default)
    return value if isinstance(value, str) else ""


def _inside(path: Path, name: str) -> bool:
    """Whether a relative path stays in the folder, as a loader joins the two."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and (path / name).exists()
    )


def _data(path: Path, name: str, found: Found, allowed: Allowed, claimed: set[str]) -> Iterator[str]:
    """Judge what the flavour's loader reads, by a format that the loader takes it for; claim those files."""
    flavour, data = FLAVOURS[name], _path_of(FLAVOURS[name], found)
    if not data:
        yield f"flavor {name} names no {flavour.path} in the folder"
        return
    if not _inside(path, data):
        yield f"flavor {name} has its data at {data!r}, which is not in the folder"
        return
    names = [data]
    if flavour.inside and (path / data).is_dir():
        names = [f"{data}/{one}" for one in flavour.inside if (path / data / one).exists()]
        if not names:
            yield f"flavor {name} has no {' or '.join(flavour.inside)} in {data!r}"
    for one in names:
        claimed |= {one, *(_name(path, inner) for inner in (path / one).rglob("*"))}
        known = recognised(path / one, flavour.formats(found))
        if known is None:
            yield f"{one} is in no format that is taken of flavor {name}"
            continue
        yield from known.violations(path / one, allowed)
        claimed |= {str(PurePosixPath(one).parent / beside) for beside in known.beside(path / one)}
    for fixed, content in flavour.fixed.items():
        if (path / fixed).is_file() and bytes_of(path / fixed, LARGEST_TEXT) == content.encode():
            claimed.add(fixed)
    for folder in (one for parent in flavour.folders for one in (path / parent).glob("*")):
        yield from folder_problems(folder, allowed)
        claimed |= {_name(path, inner) for inner in folder.rglob("*")}


def _files(path: Path, claimed: set[str], allowed: Allowed) -> Iterator[str]:
    """Yield each file that no record claims; a link too, because what it points to can change after this look."""
    for entry in sorted(path.rglob("*")):
        name = _name(path, entry)
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            yield f"{name!r} is a link or a special file"
        elif entry.is_dir() or name in claimed or BY_NAME.fullmatch(name):
            continue
        elif name.startswith(EXTRA):
            yield from _extra(name, entry, allowed)
        else:
            yield f"file {name!r} is not one of a plain model"


def _extra(name: str, file: Path, allowed: Allowed) -> Iterator[str]:
    """Judge an extra file: a model of a known format, or text."""
    known = recognised(file)
    if known is not None:
        yield from known.violations(file, allowed)
    elif file.suffix not in TEXT:
        yield f"extra file {name!r} is neither text nor of a known format"
    else:
        try:
            bytes_of(file, LARGEST_TEXT).decode("utf-8")
        except BROKEN as problem:
            yield f"extra file {name!r} is no text ({first_line(problem)})"


def code_files(path: Path) -> tuple[str, ...]:
    """Return the files of code that MLmodel says travel with the model: modules, pickled classes, their artifacts."""
    found: set[str] = set()
    for flavour in _flavours(path).values():
        places = [flavour.get(key) for key in ("code", "python_model")]
        if isinstance(flavour.get("model_code_path"), str):  # the path where it was saved; the loader takes the name
            places.append(PurePosixPath(flavour["model_code_path"]).name)
        places += [one.get("path") for one in _list_of(flavour.get("artifacts")) if isinstance(one, dict)]
        for place in places:
            if isinstance(place, str) and _inside(path, place):
                found |= {_name(path, one) for one in ((path / place), *(path / place).rglob("*")) if one.is_file()}
    return tuple(sorted(found - {MLMODEL}))


def _list_of(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else []


def _name(path: Path, entry: Path) -> str:
    return entry.relative_to(path).as_posix()


def _advice(path: Path) -> str:
    """Return the way out of the flavour that it is."""
    try:
        flavours = _flavours(path)
    except EvidenceError:
        return ""
    if any(found.get(key) for found in flavours.values() for key in CODE_KEYS):
        return CARRIES_CODE
    return next((FLAVOURS[name].way_out for name in flavours if name in FLAVOURS), "")


FORMAT = Format(
    name="MLflow",
    recognised="a folder with MLmodel",
    looked_at=f"MLmodel as plain data; the data of {', '.join(FLAVOURS)} by the formats here; every other file",
    refused="other flavors and loaders, classes and modules that a loader would import, code without `allow-code`, "
    "unknown files, links, paths out of the folder",
    way_out=f"Log it with one of {', '.join(FLAVOURS)}; a pyfunc of your own is code, which allow-code: true takes.",
    recognises=lambda path: (path / MLMODEL).is_file(),
    violations=violations,
    code=code_files,
    advice=_advice,
)
