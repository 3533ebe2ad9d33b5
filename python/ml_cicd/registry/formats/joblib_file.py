"""A file that is named as joblib's: joblib.load alone reads it, and its arrays of objects can stand anywhere."""

from ml_cicd.registry.formats.compressed import begins
from ml_cicd.registry.formats.pickle_file import FORMAT as PICKLE
from ml_cicd.registry.formats.pickle_file import judged
from ml_cicd.registry.formats.scan import Format

FORMAT = Format(
    name="joblib",
    recognised="a file of joblib (`.joblib`; zlib, gzip, bz2 or xz)",
    looked_at="as a pickle; the bytes of arrays between its opcodes are stepped over exactly",
    refused="as of a pickle; arrays whose length is not known, lz4",
    way_out=PICKLE.way_out,
    recognises=lambda path: path.suffix.lower() == ".joblib" and bool(begins(path)),
    violations=lambda path, allowed: judged(path, allowed, by_joblib=True),
)
