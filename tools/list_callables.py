"""Writes the long lists of what pickles may name (registry/formats/known) from the libraries that are installed.

A list is kept in Git and read by people: names are exact, and a new release of a library adds none by itself. What was
listed stays listed, for models of older releases. Classes are taken if their instances are filled by a `__setstate__`
that was read and found to be plain (`READ`), or by none: one that calls, evaluates or imports what it is given is why
scipy.stats is not here.
"""

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import scipy.special
from sklearn.base import BaseEstimator
from torch.nn import Module, functional

KNOWN = Path(__file__).resolve().parent.parent / "python" / "ml_cicd" / "registry" / "formats" / "known"
NEVER = {
    "tests",
    "conftest",
    "externals",
    "_testing",
    "_mocking",
    "estimator_checks",
    "datasets",
    "callback",
    "_plot",
    "_build_utils",
}
READ = {
    "sklearn.base.BaseEstimator",
    "sklearn.isotonic.IsotonicRegression",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils._bunch.Bunch",
    "torch.nn.modules.activation.LogSoftmax",
    "torch.nn.modules.activation.MultiheadAttention",
    "torch.nn.modules.activation.Softmax",
    "torch.nn.modules.activation.Softmin",
    "torch.nn.modules.conv._ConvNd",
    "torch.nn.modules.module.Module",
    "torch.nn.modules.pooling.AvgPool3d",
    "torch.nn.modules.rnn.RNNBase",
    "torch.nn.modules.transformer.TransformerDecoderLayer",
    "torch.nn.modules.transformer.TransformerEncoderLayer",
    "torch.nn.modules.upsampling.Upsample",
}
FILLERS = ("__setstate__", "__reduce__", "__reduce_ex__", "__del__", "__setattr__")
SUPPORT = (  # modules whose classes stand in the attributes of estimators
    "sklearn._loss.link",
    "sklearn._loss.loss",
    "sklearn.calibration",
    "sklearn.cluster._birch",
    "sklearn.cluster._bisect_k_means",
    "sklearn.ensemble._hist_gradient_boosting.predictor",
    "sklearn.gaussian_process.kernels",
    "sklearn.metrics._scorer",
    "sklearn.model_selection._split",
    "sklearn.neural_network._stochastic_optimizers",
    "sklearn.utils._bunch",
    "sklearn.utils._metadata_requests",
)
FUNCTIONS = ("sklearn.metrics", "sklearn.feature_selection._", "sklearn.feature_extraction.text")
OF_CYTHON = {  # how their types of C are made again: `__pyx_unpickle_*`, `newObj`, or their own constructor
    "sklearn._loss._loss": "call",
    "sklearn.linear_model._sgd_fast": "call",
    "sklearn.metrics._dist_metrics": "new",
    "sklearn.neighbors._ball_tree": "new",
    "sklearn.neighbors._kd_tree": "new",
}
SPARSE = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


def scikit_learn() -> Iterator[str]:
    """Yield scikit-learn's estimators, what they carry, and its metrics by name."""
    yield "call sklearn.tree._tree.Tree"
    yield "new sklearn.impute._iterative._ImputerTriplet"
    for module in _modules("sklearn"):
        name = module.__name__
        for value in vars(module).values():
            if getattr(value, "__module__", None) != name or not hasattr(value, "__name__"):
                continue
            if name in OF_CYTHON:
                yield from _of_cython(OF_CYTHON[name], value)
            elif isinstance(value, type) and (issubclass(value, BaseEstimator) or name in SUPPORT):
                yield from _class(value)
            elif isinstance(value, FunctionType) and name.startswith(FUNCTIONS) and value.__name__[0] != "_":
                yield f"value {name}.{value.__name__}"


def _of_cython(how: str, value: Any) -> Iterator[str]:  # noqa: ANN401  # of Cython
    dotted = f"{value.__module__}.{value.__name__}"
    if isinstance(value, type):
        yield f"{how} {dotted}"
    elif value.__name__.startswith("__pyx_unpickle_Cy"):
        yield f"call {dotted}"
    elif value.__name__.startswith("newObj"):
        yield f"of-scikit-learn {dotted}"


def _class(value: type) -> Iterator[str]:
    if not issubclass(value, BaseException) and all(map(_is_plain, _fillers(value))):
        yield f"new {value.__module__}.{value.__qualname__}"


def _fillers(value: type) -> Iterator[tuple[type, str]]:
    for name in FILLERS:
        yield from [(owner, name) for owner in value.__mro__ if name in vars(owner)][:1]


def _is_plain(filler: tuple[type, str]) -> bool:
    owner, _name = filler
    return owner.__module__ == "builtins" or f"{owner.__module__}.{owner.__qualname__}" in READ


def torch_modules() -> Iterator[str]:
    """Yield torch's layers, and its functions that layers keep."""
    for module in _modules("torch.nn.modules"):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Module) and value.__module__ == module.__name__:
                yield from _class(value)
    for value in vars(functional).values():
        name, module_name = getattr(value, "__name__", "_"), getattr(value, "__module__", "")
        if callable(value) and name[0] != "_" and module_name in {"torch.nn.functional", "torch._C._nn"}:
            yield f"value {module_name}.{name}"


def numpy_values() -> Iterator[str]:
    """Yield NumPy's types of numbers and its ufuncs, and those of scipy.special."""
    yield from (f"value numpy.{kind.__name__}" for kind in np.sctypeDict.values() if kind.__module__ == "numpy")
    for module, prefixes in ((np, ("numpy", "numpy._core._multiarray_umath")), (scipy.special, SPECIAL)):
        for name, value in vars(module).items():
            if isinstance(value, np.ufunc) and name == value.__name__:
                yield from (f"value {prefix}.{name}" for prefix in prefixes)


SPECIAL = ("scipy.special", "scipy.special._ufuncs")


def scipy_sparse() -> Iterator[str]:
    """Yield SciPy's sparse matrices and arrays."""
    for form in SPARSE:
        for kind in ("matrix", "array"):
            yield f"new scipy.sparse._{form}.{form}_{kind}"
            yield f"new scipy.sparse.{form}.{form}_{kind}"
    yield "new scipy.interpolate._bsplines.BSpline"


def _modules(package: str) -> Iterator[ModuleType]:
    found = importlib.import_module(package)
    yield found
    for entry in pkgutil.walk_packages(found.__path__, f"{package}."):
        if not NEVER & set(entry.name.split(".")):
            yield importlib.import_module(entry.name)


LISTS = {
    "numpy_values.txt": numpy_values,
    "scikit_learn.txt": scikit_learn,
    "scipy.txt": scipy_sparse,
    "torch_modules.txt": torch_modules,
}


def main() -> None:
    """Write each list, with what was in it before."""
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or LISTS:
        file = KNOWN / name
        before = set(file.read_text(encoding="ascii").splitlines()) if file.exists() else set()
        lines = sorted(before | set(LISTS[name]()), key=lambda line: line.split()[::-1])
        file.write_text("\n".join(lines) + "\n", encoding="ascii")
        print(f"{name}: {len(lines)} names, {len(set(lines) - before)} new")


if __name__ == "__main__":
    main()
