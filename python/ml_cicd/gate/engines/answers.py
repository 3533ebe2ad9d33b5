"""What labels and outputs of a batch say of each row: a class, a score, or a number.

What can be read in one way only is read so, and a note says how; else the error shows what was found and names the
argument that settles it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ml_cicd.gate.engines.rows import as_array, rows_in, shown
from ml_cicd.ground.errors import EvidenceError

ONE_A_ROW = (
    "Give predict=, a function of (model, inputs) that returns one answer a row: scores (rows, classes) or classes."
)


class Kind(StrEnum):
    """What an output holds of each row."""

    CLASSES = "classes"
    BEST = "the place of the highest score"
    SCORES = "one score"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One value a row. `width` is the number of scores where the highest was taken."""

    kind: Kind
    values: Any
    note: str = ""
    width: int = 0


def chosen(output: Any, rows: int) -> tuple[Any, str]:  # noqa: ANN401
    """Return the answers in what a model returned, and how they were found; empty where there was nothing to choose.

    Raises:
        EvidenceError: several things could be the answers.
    """
    members = _members(output)
    if members is None:
        return output, ""
    if "logits" in members:
        return members["logits"], "The answers are `logits` of the model's output"
    able = [name for name, part in members.items() if rows_in(part) == rows and len(getattr(part, "shape", ())) <= 2]
    if len(able) == 1:
        name = able[0]
        return members[name], f"The answers are {name!r} of the model's output" if len(members) > 1 else ""
    raise EvidenceError(f"The model's output is {shown(output)}: which are the answers?", cure=ONE_A_ROW)


def _members(output: Any) -> Mapping[str | int, Any] | None:  # noqa: ANN401
    """Return the parts of an output that has several; None for one that is an answer itself."""
    if isinstance(output, Mapping):
        return output
    if getattr(output, "logits", None) is not None:  # Hugging Face's
        return {"logits": output.logits}
    several = isinstance(output, tuple | list) and any(hasattr(part, "shape") for part in output)
    return dict(enumerate(output)) if several and not all(_is_scalar(part) for part in output) else None


def _is_scalar(value: Any) -> bool:  # noqa: ANN401
    return getattr(value, "shape", None) == ()


def read_labels(labels: Any, where: str) -> Column:  # noqa: ANN401
    """Return one label a row: (rows,), (rows, 1), or one-hot (rows, classes).

    Raises:
        EvidenceError: other shapes, several labels a row, values that are none.
    """
    values = as_array(labels)
    if values.ndim == 2 and values.shape[1] == 1:
        return _checked(values[:, 0], where, labels)
    if values.ndim == 2 and values.shape[1] > 1:
        if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
            raise EvidenceError(
                f"{where}: labels {shown(labels)} have several values a row, and are not one-hot.",
                cure="Give one label a row; several labels, or shares of them, are not judged.",
            )
        note = f"The labels are one-hot: the class is the place of the 1 among {values.shape[1]}"
        return Column(kind=Kind.BEST, values=values.argmax(axis=1), note=note, width=values.shape[1])
    if values.ndim != 1:
        raise EvidenceError(
            f"{where}: labels {shown(labels)} are not one a row.",
            cure="Give (rows,) or one-hot (rows, classes); of a sequence, judge one answer.",
        )
    return _checked(values, where, labels)


def _checked(values: Any, where: str, labels: Any) -> Column:  # noqa: ANN401
    plain = values.dtype.kind in "biufU" or (
        values.dtype.kind == "O" and all(isinstance(v, str | bool | int | np.integer | np.bool_) for v in values)
    )
    if not plain:
        raise EvidenceError(
            f"{where}: labels {shown(labels)} are neither classes nor numbers.",
            cure="Give whole numbers, texts, true or false; numbers for a regression.",
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise EvidenceError(f"{where}: a label is not finite.", cure="Rows are never dropped; find out why.")
    return Column(kind=Kind.CLASSES, values=values)


def read_output(output: Any, rows: int, where: str, *, classes: bool) -> Column:  # noqa: ANN401
    """Return one answer a row; `classes` says that the model answers with classes, also where they are floats.

    Raises:
        EvidenceError: not finite, complex, or not one answer a row.
    """
    picked, note = chosen(output, rows)
    values = as_array(picked)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if (
        values.dtype.kind not in "biufUO"
        or values.ndim not in {1, 2}
        or (values.ndim == 2 and values.dtype.kind != "f")
    ):
        raise EvidenceError(
            f"{where}: the model's output {shown(picked)} is neither (rows, classes) scores nor one answer a row.",
            cure=ONE_A_ROW,
        )
    if len(values) != rows:
        raise EvidenceError(
            f"{where}: the model's output {shown(picked)} has not {rows} rows, as the labels have.", cure=ONE_A_ROW
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise EvidenceError(f"{where}: the model's output is not finite.", cure="Find out why; do not ship it.")
    if values.ndim == 2:
        width = values.shape[1]
        how = f"The class of a row is the place of the highest of {width} scores"
        return Column(kind=Kind.BEST, values=values.argmax(axis=1), note=_joined(note, how), width=width)
    kind = Kind.SCORES if values.dtype.kind == "f" and not classes else Kind.CLASSES
    return Column(kind=kind, values=values, note=note)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
