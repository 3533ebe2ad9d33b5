"""What labels and answers of all batches come to: rows by class, or a mean error."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml_cicd.gate.classes import IGNORED
from ml_cicd.gate.engines.answers import Column, Kind
from ml_cicd.gate.hints import Hints
from ml_cicd.gate.mean import Mean
from ml_cicd.gate.statistics import Absence, Confusion, Label
from ml_cicd.ground.errors import EvidenceError, InputError

LEAST_ERRORS = 30  # with fewer, Student's bounds of skewed errors do not hold their level
BINARY = ((False, True), (0, 1), (-1, 1))


@dataclass(kw_only=True, slots=True)
class Tally:
    """Labels and answers of all batches."""

    labels: list[Column] = field(default_factory=list)
    outputs: list[Column] = field(default_factory=list)

    def add(self, labels: Column, output: Column) -> None:
        """Take a batch.

        Raises:
            EvidenceError: it is of another kind than those before.
        """
        for known, new, what in ((self.labels, labels, "labels"), (self.outputs, output, "model's output")):
            if known and (known[0].kind, known[0].width) != (new.kind, new.width):
                raise EvidenceError(
                    f"Batch {len(known)}: the {what} is {_named(new)}, before it was {_named(known[0])}.",
                    cure="Let all batches have the same shape but for their rows.",
                )
            known.append(new)

    @property
    def notes(self) -> list[str]:
        """How labels and answers were read."""
        return list(dict.fromkeys(column.note for column in (*self.labels[:1], *self.outputs[:1]) if column.note))

    def errors(self) -> Mean | Absence:
        """Return the mean absolute error of a regression; sums are exact, so that the order of rows does not matter."""
        labels, outputs = (np.concatenate([c.values for c in side]) for side in (self.labels, self.outputs))
        if Kind.BEST in {self.labels[0].kind, self.outputs[0].kind} or {labels.dtype.kind, outputs.dtype.kind} - set(
            "iuf"
        ):
            return Absence(why="labels and answers are not one number a row each")
        errors = np.abs(labels.astype(float) - outputs.astype(float))
        if len(errors) < LEAST_ERRORS:
            return Absence(why=f"a mean error needs {LEAST_ERRORS} rows, and there are {len(errors)}")
        return _mean(errors)

    def confusion(self, hints: Hints) -> tuple[Confusion, list[str]]:
        """Count rows by class of label and answer, and say what was decided for it.

        Raises:
            EvidenceError: labels that are no classes; one score a row that can be cut in several places.
            InputError: a hint that does not fit.
        """
        labels = _classes(np.concatenate([c.values for c in self.labels]), "labels")
        column = self.outputs[0]
        values, notes = np.concatenate([c.values for c in self.outputs]), list[str]()
        if column.kind is Kind.SCORES:
            pair = _two_classes(set(labels.tolist()), hints)
            limit, note = _limit(values, hints)
            answers = np.array(pair, dtype=object)[(values > limit).astype(int)].tolist()
            notes = [f"One score a row: above {limit:g}{note} the class is {pair[1]!r}, else {pair[0]!r}"]
        else:
            answers = _classes(values, "answers").tolist()
            _refuse_threshold(hints)
        _refuse_strangers(labels, answers, max(column.width, self.labels[0].width))
        cells: Counter[tuple[Label, Label]] = Counter(zip(labels.tolist(), answers, strict=True))
        return Confusion(cells=cells, positive=_positive({c for pair in cells for c in pair}, hints)), notes


def _mean(values: Any) -> Mean:  # noqa: ANN401
    n = len(values)
    mean = math.fsum(values) / n
    squares = math.fsum((values - mean) ** 2)
    skewness = math.fsum((values - mean) ** 3) / n / (squares / n) ** 1.5 if squares else 0.0
    return Mean(value=mean, standard_error=math.sqrt(squares / (n - 1) / n), n=n, skewness=skewness)


def _named(column: Column) -> str:
    return f"{column.kind.value} of {column.width}" if column.width else column.kind.value


def _classes(values: Any, what: str) -> Any:  # noqa: ANN401
    """Return classes: whole numbers that were written as floats are whole numbers."""
    if values.dtype.kind == "O":
        return np.array([v.item() if isinstance(v, np.generic) else v for v in values], dtype=object)
    if values.dtype.kind != "f":
        return values
    parts = values[values != np.floor(values)]
    if len(parts):
        raise EvidenceError(
            f"The {what} are numbers such as {parts[0]:g}, and no classes.",
            cure="For a regression demand mean_absolute_error; else give whole numbers.",
        )
    return values.astype(np.int64)


def _two_classes(labels: set[Label], hints: Hints) -> tuple[Label, Label]:
    """Return the class of low and that of high scores: 1 and true are high, of other classes the one named positive."""
    known = next((pair for pair in BINARY if labels <= set(pair) and type(next(iter(labels))) is type(pair[0])), None)
    if known is not None:
        return known
    if hints.positive in labels and len(labels) == 2:
        low, high = sorted(labels, key=lambda one: one == hints.positive)
        return low, high
    seen = ", ".join(repr(c) for c in sorted(labels, key=str)[:5])
    raise EvidenceError(
        f"The model gives one score a row, and the labels are {seen}: which class is a high score?",
        cure="Give positive= where there are two classes, else a model that gives a score for each class.",
    )


def _limit(scores: Any, hints: Hints) -> tuple[float, str]:  # noqa: ANN401
    """Return where scores are cut: logits at 0, which is a probability of a half."""
    if hints.decision_threshold is not None:
        return float(hints.decision_threshold), ""
    low, high = float(scores.min()), float(scores.max())
    if low < 0 or high > 1:
        return 0.0, " (a logit; probability 0.5)"
    raise EvidenceError(
        f"The model gives one score a row, of {low:g} to {high:g}: probabilities or logits?",
        cure="Give decision_threshold=0.5 for probabilities, 0 for logits.",
    )


def _refuse_threshold(hints: Hints) -> None:
    if hints.decision_threshold is not None:
        raise InputError(
            "decision_threshold cuts one score a row, but the model gives classes, or a score for each class.",
            cure="Leave it out, or give predict= that returns the score of the positive class: "
            "lambda model, inputs: model.predict_proba(inputs)[:, 1].",
        )


def _refuse_strangers(labels: Any, answers: list[Label], width: int) -> None:  # noqa: ANN401
    """Labels that no answer can be: another type, another numbering, rows that are to be ignored."""
    seen = set(labels.tolist())
    if IGNORED in seen:
        raise EvidenceError(
            f"A label is {IGNORED}, which training code writes for rows that are to be ignored.",
            cure="Leave those rows out of the test set.",
        )
    texts = {isinstance(c, str) for c in seen}, {isinstance(c, str) for c in answers}
    if texts[0] != texts[1]:
        raise EvidenceError(
            f"Labels such as {next(iter(seen))!r} and answers such as {answers[0]!r} are not the same classes.",
            cure="Give labels as the model answers, or predict= that translates.",
        )
    beyond = sorted(c for c in seen if not isinstance(c, str) and not 0 <= c < width) if width else []
    if beyond:
        raise EvidenceError(
            f"A label is {beyond[0]}, but there are {width} scores, so classes 0 to {width - 1}.",
            cure="Number the classes from 0, in the order of the scores.",
        )


def _positive(classes: set[Label], hints: Hints) -> Label | None:
    if hints.positive is None:
        return None
    found = next((c for c in classes if c == hints.positive), None)
    if found is None:
        seen = ", ".join(repr(c) for c in sorted(classes, key=str)[:5])
        raise EvidenceError(f"No row is of the class {hints.positive!r}; there are {seen}.", cure="Check positive.")
    return found
