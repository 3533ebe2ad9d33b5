"""A file with a pickle in it, from pickle, cloudpickle or joblib, compressed or not; pickle.load may read it."""

import pickle
from pathlib import Path

from ml_cicd.registry.formats.compressed import PROBLEMS, TAR_HEADER, begins, is_compressed, is_tar, unpacked
from ml_cicd.registry.formats.joblib_arrays import JoblibArrays
from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.pickles import problems_in
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.look import Allowed

SUFFIXES = {".pkl", ".pickle", ".p", ".sav", ".gz", ".bz2", ".xz", ".lzma", ".z", ".lz4"}


def recognises(path: Path) -> bool:
    """Whether it is a file that is named as a pickle, or begins as one of a protocol from 2 on."""
    first = begins(path)
    return bool(first) and (path.suffix.lower() in SUFFIXES or _is_pickle(first))


def _is_pickle(first: bytes) -> bool:
    return first[:1] == pickle.PROTO and first[1:2] <= bytes([pickle.HIGHEST_PROTOCOL])


def judged(path: Path, allowed: Allowed, *, by_joblib: bool) -> tuple[str, ...]:
    """Return what a pickle would call that is not known to be harmless, or why it cannot be judged.

    `by_joblib`: nobody else reads it. What is compressed is no pickle to pickle.load either.
    """
    try:
        if is_tar(begins(path, TAR_HEADER)):
            raise NotPlain("it is a tar too")
        arrays = JoblibArrays(allowed=allowed.callables, safe=by_joblib or is_compressed(begins(path)))
        with unpacked(path) as stream:
            return tuple(f"{path.name} {problem}" for problem in problems_in(stream, arrays.rules()))
    except NotPlain as problem:
        return (f"{path.name} is no plain pickle: {problem}",)
    except PROBLEMS as problem:
        return (f"{path.name} cannot be unpacked ({problem})",)


FORMAT = Format(
    name="pickle",
    recognised="a file of pickle, cloudpickle or joblib (`.pkl`, `.pickle`, `.sav`; zlib, gzip, bz2 or xz)",
    looked_at="every opcode, on a stack of symbols; every callable against exact names of numpy, scipy, pandas, "
    "scikit-learn, xgboost, lightgbm, catboost and torch",
    refused="callables of other names, functions pickled by value, names that are computed, what no pickler writes",
    way_out="Save the model as skops or ONNX, or list callables of your own that are harmless in "
    "`registry.allow_callables`.",
    recognises=recognises,
    violations=lambda path, allowed: judged(path, allowed, by_joblib=False),
)
