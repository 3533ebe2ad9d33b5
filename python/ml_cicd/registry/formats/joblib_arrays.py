"""Arrays in what joblib wrote: their bytes stand raw in the stream, between two opcodes, as its wrapper says.

joblib.load reads them past its unpickler; pickle.load would take them for opcodes. So the length is known exactly or
the file is refused, and where pickle.load could get through to them only a file that is named as joblib's is read so.
"""

from dataclasses import dataclass
from math import prod

from ml_cicd.registry.formats.arrays import has_objects, is_dtype, item_size
from ml_cicd.registry.formats.pickle_machine import ALONE, Machine, Rules
from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.pickles import read_pickle
from ml_cicd.registry.formats.symbols import Global, Made, Mapping, Value

MODULE, NAME = "joblib.numpy_pickle", "NumpyArrayWrapper"
WRAPPER = f"{MODULE}.{NAME}"
ALIGNMENT = 16
SUBCLASSES = {"numpy.ndarray", "numpy.matrix", "numpy.matrixlib.defmatrix.matrix", "numpy.memmap"}
ONLY_JOBLIB = "pickle.load would read its arrays as opcodes: name the file *.joblib, so that nobody reads it so"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrapped:
    """What the wrapper of an array says."""

    shape: tuple[int, ...]
    dtype: Made
    aligned: bool


@dataclass(kw_only=True, slots=True)
class JoblibArrays:
    """Reads the arrays of one file. `safe`: pickle.load cannot come to raw bytes as opcodes in this file."""

    allowed: frozenset[str]
    safe: bool

    def rules(self) -> Rules:
        """Return the rules for what joblib wrote."""
        return Rules(allowed=self.allowed, also=_wrapper, built=self._read)

    def _read(self, machine: Machine, made: Made) -> Value:
        if made.of.dotted != WRAPPER:
            return made
        wrapped = _wrapped(made.state)
        machine.stream.end_frame()
        if has_objects(wrapped.dtype):
            self._read_pickled(machine)
        else:
            self._skip(machine, wrapped)
        return Made(made.of)

    def _read_pickled(self, machine: Machine) -> None:
        """An array of objects is a pickle of its own, on a stack and a memo of its own; pickle.load would go on."""
        if not self.safe:
            raise NotPlain(ONLY_JOBLIB)
        inner = Machine(stream=machine.stream, rules=Rules(allowed=self.allowed), problems=machine.problems)
        read_pickle(inner)

    def _skip(self, machine: Machine, wrapped: Wrapped) -> None:
        stream = machine.stream
        if wrapped.aligned:
            padding = stream.number(1)
            if not 1 <= padding <= ALIGNMENT or stream.take(padding).strip(b"\xff"):
                raise NotPlain("it pads an array as joblib does not")
            self.safe = True  # such a byte is no opcode: pickle.load ends here
        elif not self.safe:
            raise NotPlain(ONLY_JOBLIB)
        stream.skip(prod(wrapped.shape) * item_size(wrapped.dtype))


def _wrapper(module: str, name: str) -> str:
    return ALONE if (module, name) == (MODULE, NAME) else ""


def _wrapped(state: Value) -> Wrapped:
    items = state.items if isinstance(state, Mapping) and not state.more else {}
    shape, dtype, subclass = items.get("shape"), items.get("dtype"), items.get("subclass")
    alignment = items.get("numpy_array_alignment_bytes")
    if not isinstance(shape, tuple) or not isinstance(dtype, Made) or not is_dtype(dtype):
        raise NotPlain("it has an array whose shape or type is not known")
    numbers = tuple(n for n in shape if isinstance(n, int) and n >= 0)
    if len(numbers) != len(shape) or (alignment is not None and alignment != ALIGNMENT):
        raise NotPlain("it has an array whose shape or alignment is not known")
    if not isinstance(subclass, Global) or subclass.dotted not in SUBCLASSES:
        raise NotPlain("it has an array of a class that is not known")
    return Wrapped(shape=numbers, dtype=dtype, aligned=alignment is not None)
