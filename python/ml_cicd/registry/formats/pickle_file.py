"""A file with a pickle in it, from pickle, cloudpickle or joblib, compressed or not."""

import pickle
from pathlib import Path

from ml_cicd.registry.formats.compressed import PROBLEMS, TAR_HEADER, begins, is_compressed, is_tar, unpacked
from ml_cicd.registry.formats.joblib_arrays import JoblibArrays
from ml_cicd.registry.formats.pickle_machine import Rules
from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.pickles import problems_in
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.look import Allowed

SUFFIXES = {".pkl", ".pickle", ".joblib", ".p", ".sav", ".gz", ".bz2", ".xz", ".lzma", ".z", ".lz4"}
ONLY_JOBLIB_READS = ".joblib"


def recognises(path: Path) -> bool:
    """Whether it is a file that is named as a pickle, or begins as one of a protocol from 2 on."""
    first = begins(path)
    return bool(first) and (path.suffix.lower() in SUFFIXES or _is_pickle(first))


def _is_pickle(first: bytes) -> bool:
    return first[:1] == pickle.PROTO and first[1:2] <= bytes([pickle.HIGHEST_PROTOCOL])


def violations(path: Path, allowed: Allowed) -> tuple[str, ...]:
    """Return what a pickle would call that is not known to be harmless, or why it cannot be judged."""
    try:
        packed = is_compressed(begins(path))
        if is_tar(begins(path, TAR_HEADER)):
            raise NotPlain("it is a tar too")
        arrays = JoblibArrays(allowed=allowed.callables, safe=packed or path.suffix.lower() == ONLY_JOBLIB_READS)
        with unpacked(path) as stream:
            return tuple(f"{path.name} {problem}" for problem in problems_in(stream, arrays.rules()))
    except NotPlain as problem:
        return (f"{path.name} is no plain pickle: {problem}",)
    except PROBLEMS as problem:
        return (f"{path.name} cannot be unpacked ({problem})",)


def pickle_violations(path: Path, allowed: Allowed) -> tuple[str, ...]:
    """The same for a file that pickle.load or cloudpickle.load reads, as in a folder of MLflow's: no arrays outside."""
    try:
        with path.open("rb") as stream:
            rules = Rules(allowed=allowed.callables)
            return tuple(f"{path.name} {problem}" for problem in problems_in(stream, rules))
    except OSError as problem:
        return (f"{path.name} cannot be read ({problem.strerror})",)


FORMAT = Format(
    name="pickle",
    recognised="a file of pickle, cloudpickle or joblib (`.pkl`, `.pickle`, `.joblib`; zlib, gzip, bz2 or xz)",
    looked_at="every opcode, on a stack of symbols; every callable against exact names of numpy, scipy, pandas, "
    "scikit-learn, xgboost, lightgbm, catboost and torch",
    refused="callables of other names, functions pickled by value, names that are computed, what no pickler writes",
    way_out="Save the model as skops or ONNX, or list callables of your own that are harmless in "
    "`registry.allow_callables`.",
    recognises=recognises,
    violations=violations,
)
