"""Saves an estimator in MLflow's flavor for it, in the format without code: skops, XGBoost's ubj, LightGBM's text.

The libraries are the user's: each is there if its estimator is. MLflow is imported when a model is saved.
"""

import json
import warnings
import zipfile
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import describe
from ml_cicd.registry.formats.mlmodel import MLMODEL
from ml_cicd.registry.mlflow.client import settle

SKOPS = "model.skops"
PACKAGES = {
    "sklearn": ("sklearn", "skops", "numpy"),
    "xgboost": ("xgboost", "sklearn", "numpy"),
    "lightgbm": ("lightgbm", "sklearn", "skops", "numpy"),
}
LONGEST_SAYING = 300
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold


def flavor_of(model: object) -> str:
    """Return MLflow's flavor of an estimator by its class or one that it derives from; else nothing."""
    roots = [base.__module__.partition(".")[0] for base in type(model).__mro__]
    return next((root for root in roots if root in PACKAGES), "")


def save_estimator(model: Any, path: str, inputs: Any) -> None:  # noqa: ANN401
    """Save an estimator as a new folder `path`; the signature has the types of `inputs`, where there are any.

    The same estimator is the same bytes each time: skops writes addresses in memory and the time of day.

    Raises:
        InputError: it is none of these libraries', or its library cannot save it.
    """
    flavor = flavor_of(model)
    if not flavor:
        raise InputError(
            f"The model is {describe(model)}.",
            cure="Give a torch.nn.Module, or an estimator of scikit-learn, XGBoost or LightGBM: no other is saved.",
        )
    settle()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            more: dict[str, Any] = {} if inputs is None else {"signature": _signature(model, inputs)}
            if flavor != "xgboost" and not _is_booster(model):
                more |= {"serialization_format": "skops", "skops_trusted_types": _types(model)}
            import_module(f"mlflow.{flavor}").save_model(model, path, pip_requirements=_requirements(flavor), **more)
        except Exception as problem:
            said = " ".join(str(problem).split())[:LONGEST_SAYING]
            raise InputError(f"The model cannot be saved: {said}", cure="Save what its library can save.") from problem
    file = Path(path) / SKOPS
    if file.exists():
        _settle_skops(file)
    _sort_types(path, flavor)


def load_estimator(path: str, flavor: str) -> Any:  # noqa: ANN401
    """Load what `save_estimator` has just written; others are not to be trusted."""
    file = Path(path) / SKOPS
    if not file.exists():
        return import_module(f"mlflow.{flavor}").load_model(path)
    skops = import_module("skops.io")
    return skops.load(file, trusted=skops.get_untrusted_types(file=file))


def _is_booster(model: object) -> bool:
    return type(model).__name__ == "Booster"


def _types(model: Any) -> list[str]:  # noqa: ANN401
    """Return the types that skops does not know: the look through the saved files judges them, by lists of ours."""
    skops = import_module("skops.io")
    return sorted(skops.get_untrusted_types(data=skops.dumps(model)))


def _signature(model: Any, inputs: Any) -> Any:  # noqa: ANN401
    from mlflow.models import infer_signature  # noqa: PLC0415

    return infer_signature(inputs, None if _is_booster(model) else model.predict(inputs))


def _requirements(flavor: str) -> list[str]:
    """Name them: MLflow would infer them by running the model, with a network."""
    known = packages_distributions()
    found = [known[package][0] for package in PACKAGES[flavor] if package in known]
    return [f"{package}=={version(package)}" for package in found]


def _settle_skops(file: Path) -> None:
    """Count objects and files instead of naming them by their addresses, and forget the time."""
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents.pop("schema.json"))
    names: dict[str, str] = {}
    objects: dict[int, int] = {}
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if isinstance(node.get("__id__"), int):
                node["__id__"] = objects.setdefault(node["__id__"], len(objects) + 1)
            if node.get("file") in contents:
                old = str(node["file"])
                node["file"] = names.setdefault(old, f"{len(names) + 1}{Path(old).suffix}")
            pending += reversed(node.values())
        elif isinstance(node, list):
            pending += reversed(node)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("schema.json", BEGINNING), json.dumps(schema, indent=2))
        for old, new in names.items():
            archive.writestr(zipfile.ZipInfo(new, BEGINNING), contents[old])


def _sort_types(path: str, flavor: str) -> None:
    """MLflow writes a set in an order that changes with the process."""
    from mlflow.models import Model  # noqa: PLC0415

    described = Model.load(path)
    types = described.flavors[flavor].get("skops_trusted_types")
    described.flavors[flavor]["skops_trusted_types"] = sorted(types) if types else types
    described.save(str(Path(path) / MLMODEL))
