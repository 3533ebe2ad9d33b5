"""Rows in memory: arrays, tensors, frames, sparse matrices, lists, and mappings or tuples of these.

Nothing here imports the library that made them: what has a shape and rows is known by that.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.parse import describe

ROWS_AT_ONCE = 1024
PLAIN = (str, bytes, bool, int, float, np.generic, type(None))


def leaves(inputs: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the parts of a batch's inputs by name, one for what is no mapping and no tuple."""
    if isinstance(inputs, Mapping):
        return {str(name): part for name, part in inputs.items()}
    if is_several(inputs):
        return {f"input_{place}": part for place, part in enumerate(inputs)}
    return {"input": inputs}


def is_several(inputs: Any) -> bool:  # noqa: ANN401
    """Whether these are several inputs, and not one list of values."""
    return isinstance(inputs, tuple | list) and any(hasattr(part, "shape") for part in inputs)


def rows_in(part: Any) -> int | None:  # noqa: ANN401
    """Return how many rows a part has; None for what has none."""
    shape = getattr(part, "shape", None)
    if shape is not None:
        count: int | None = shape[0] if len(shape) else None  # in an export it is no number yet, and int() would fix it
        return count
    return len(part) if isinstance(part, list | tuple) else None


def shown(value: Any) -> str:  # noqa: ANN401
    """Say what was found, by shapes and types: `{'ids': (8, 5) int64}`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {shown(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple) and any(hasattr(part, "shape") or isinstance(part, Mapping) for part in value):
        return "(" + ", ".join(shown(part) for part in value) + ")"
    if hasattr(value, "shape"):
        kind = getattr(value, "dtype", type(value).__name__)
        return f"{tuple(value.shape)} {str(kind).removeprefix('torch.')}"
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, list | tuple) else describe(value)


def as_array(value: Any) -> Any:  # noqa: ANN401
    """Return an array of what a tensor, a column of a frame, or a list holds."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if isinstance(value, list | tuple):
        types = {type(item) for item in value}
        return np.array(value, dtype=object if str in types and len(types) > 1 else None)  # 1 beside "a" stays 1
    return np.asarray(value)


def cut(part: Any, start: int, stop: int) -> Any:  # noqa: ANN401
    """Return these rows of a part; what has no rows is whole in each."""
    if isinstance(part, Mapping):
        return {name: cut(value, start, stop) for name, value in part.items()}
    if isinstance(part, tuple):
        return tuple(cut(value, start, stop) for value in part)
    if rows_in(part) is None:
        return part
    return part.iloc[start:stop] if hasattr(part, "iloc") else part[start:stop]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A whole test set (X, y), read in parts of `ROWS_AT_ONCE` rows."""

    inputs: Any
    labels: Any

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return rows_in(self.labels) or 0

    def __len__(self) -> int:
        return (self.rows + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, self.rows, ROWS_AT_ONCE):
            stop = start + ROWS_AT_ONCE
            yield cut(self.inputs, start, stop), cut(self.labels, start, stop)

    def singles(self) -> Iterator[Any]:
        """Yield the inputs of one row after the other, as requests come."""
        return (cut(self.inputs, row, row + 1) for row in range(self.rows))


def as_table(data: Any) -> Table | None:  # noqa: ANN401
    """Return (X, y) as a table; None for what yields batches.

    Raises:
        EvidenceError: X and y do not have the same number of rows.
    """
    if not isinstance(data, tuple | list) or len(data) != 2 or not _is_column(data[1]):
        return None
    inputs, labels = data
    counts = {rows_in(part) for part in leaves(inputs).values()} - {None}
    if counts != {rows_in(labels)}:
        raise EvidenceError(f"(X, y) is {shown(data)}: not the same number of rows.", cure="Give a label for each row.")
    return Table(inputs=inputs, labels=labels)


def _is_column(value: Any) -> bool:  # noqa: ANN401
    if hasattr(value, "shape"):
        return 1 <= len(value.shape) <= 2
    return isinstance(value, list) and bool(value) and all(isinstance(item, PLAIN) for item in value)


def row_digests(inputs: Any, count: int) -> list[bytes]:  # noqa: ANN401
    """Return a sha256 for each row: its values, their types and names, whatever stands before and after it.

    Raises:
        EvidenceError: a row holds what has no bytes of its own.
    """
    columns = [(f"{name} ".encode(), _row_bytes(name, part, count)) for name, part in sorted(leaves(inputs).items())]
    return [hashlib.sha256(b"".join(name + rows[number] for name, rows in columns)).digest() for number in range(count)]


def _row_bytes(name: str, part: Any, count: int) -> Sequence[bytes]:  # noqa: ANN401
    if rows_in(part) != count:
        return [_plain(part, name)] * count
    if hasattr(part, "tocsr"):
        rows = part.tocsr()
        return [f"{rows[i].indices.tolist()} {rows[i].data.tolist()}".encode() for i in range(count)]
    if hasattr(part, "itertuples"):
        header = repr([str(column) for column in part.columns])
        return [header.encode() + _plain(list(row), name) for row in part.itertuples(index=False)]
    if hasattr(part, "detach"):
        import torch  # noqa: PLC0415  # it is there: it made the tensor

        tensor = part.detach().cpu().contiguous()  # every type of torch's has bytes, not every one is known to NumPy
        flat = tensor.reshape(count, -1).view(torch.uint8).numpy()
        return _packed(flat, f"{tuple(tensor.shape[1:])} {tensor.dtype} ")
    array = as_array(part) if hasattr(part, "shape") else None
    if array is None or array.dtype.kind in "OSU":  # texts in an array are as wide as the longest of the batch
        return [_plain(item, name) for item in (part if array is None else array.tolist())]
    flat = np.ascontiguousarray(array).reshape(count, -1)
    return _packed(flat, f"{array.shape[1:]} {array.dtype} ")


def _packed(rows: Any, header: str) -> list[bytes]:  # noqa: ANN401
    return [header.encode() + row.tobytes() for row in rows]


def _plain(value: Any, name: str) -> bytes:  # noqa: ANN401
    """Return how a value that is text or a number is written; another's text may hold its address in memory."""
    if isinstance(value, np.generic):
        return repr(value.item()).encode()
    if isinstance(value, PLAIN):
        return repr(value).encode()
    if isinstance(value, list | tuple):
        return b"[" + b",".join(_plain(item, name) for item in value) + b"]"
    if hasattr(value, "shape"):
        array = as_array(value)
        if array.dtype != object:
            return f"{array.shape} {array.dtype} {array.tobytes().hex()}".encode()
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).encode()
    raise EvidenceError(
        f"{name!r} holds {describe(value)}, which has no bytes that name it.", cure="Give arrays, numbers or text."
    )


def digest_of(rows: Iterable[bytes]) -> str:
    """Return one digest of rows in any order: a loader that shuffles yields the same test set."""
    return "sha256:" + hashlib.sha256(b"".join(sorted(rows))).hexdigest()
