"""What classes the texts of two columns are: the same values are the same classes, whatever file they came from.

A database counts rows by the texts of label and prediction, and what those texts mean is decided here, over all of them
at once: 1, 1.0 and `1` are one class where every value is a number, `true` is one where every value is true or false.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ml_cicd.gate.statistics import Label
from ml_cicd.ground.errors import EvidenceError
from ml_cicd.ground.parse import suggest

Texts = Collection[str]
Cells = Mapping[tuple[str | None, str | None], int]
NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?")  # 007 is a code, and no number
TRUTH = {"true": True, "false": False}
NEVER_A_CLASS = {"", "nan", "nat", "<na>", "#n/a", "#ref!", "#div/0!", "#value!", "#name?", "#num!", "#null!"}
NOTHING_BESIDE_NUMBERS = {"none", "null", "na", "n/a", "nil", "-", "--", "?", ".", "inf", "+inf", "-inf", "infinity"}
IGNORED = -100  # what PyTorch and Hugging Face write as the label of rows that count for nothing
SHOWN = 2
MOST_SHOWN = 12
LONGEST_SHOWN = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where the texts stand, for messages: the file, and the names of its two columns."""

    path: str
    label: str
    prediction: str

    def refuse(self, why: str, cure: str) -> EvidenceError:
        """Return the error."""
        return EvidenceError(f"{self.path}: {why}.", cure=cure)


def spelled(texts: Iterable[str]) -> dict[str, Label]:
    """Return the class of each text: numbers where all are whole, true and false where all are those, else words."""
    every = set(texts)
    numbers = {text: whole for text in every if (whole := _whole(text)) is not None}
    truths = {text: TRUTH[text.strip().lower()] for text in every if text.strip().lower() in TRUTH}
    if len(truths) == len(every):
        return dict(truths)
    if len(numbers) + len(truths) == len(every) and (not truths or set(numbers.values()) <= {0, 1}):
        return {**numbers, **{text: int(truth) for text, truth in truths.items()}}
    return {text: text for text in every}


def _number(text: str) -> Decimal | None:
    stripped = text.strip()
    return Decimal(stripped) if NUMBER.fullmatch(stripped) else None


def _whole(text: str) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number == number.to_integral_value() else None


def is_score(text: str) -> bool:
    """Whether it is a number between whole ones."""
    return _number(text) is not None and _whole(text) is None


def read_cells(cells: Cells, where: Places) -> dict[tuple[Label, Label], int]:
    """Return rows by class of label and prediction.

    Raises:
        EvidenceError: a value that stands for nothing, a score, a header among the rows, or labels and predictions that
            are not the same classes.
    """
    labels, predictions = (_count(cells, side) for side in (0, 1))
    everything = {*labels, *predictions} - {None}
    for name, counted in ((where.label, labels), (where.prediction, predictions)):
        _refuse_nothing(name, counted, everything, where)
    texts = {(str(label), str(prediction)): rows for (label, prediction), rows in cells.items()}
    _refuse_header(texts, where)
    for side, name in enumerate((where.label, where.prediction)):
        refuse_scores({pair[side] for pair in texts}, name, where)
    classes = spelled(text for pair in texts for text in pair)
    found: Counter[tuple[Label, Label]] = Counter()
    for (label, prediction), rows in texts.items():
        found[classes[label], classes[prediction]] += rows
    _refuse_strangers({label for label, _ in found}, {prediction for _, prediction in found}, where)
    return dict(found)


def _count(cells: Cells, side: int) -> Counter[str | None]:
    counted: Counter[str | None] = Counter()
    for pair, rows in cells.items():
        counted[pair[side]] += rows
    return counted


def _refuse_nothing(name: str, counted: Counter[str | None], everything: Collection[str | None], where: Places) -> None:
    """A word for nothing is none of the classes; `None` and `NA` may be some where the other classes are words too."""
    words = {text for text in everything if text is not None and not _stands_for_nothing(text)}
    of_words = any(_number(text) is None and text.strip().lower() not in TRUTH for text in words)
    nothing = [text for text in counted if text is None or _is_nothing(text, of_words=of_words)]
    if nothing:
        rows, all_rows = sum(counted[text] for text in nothing), sum(counted.values())
        words_seen = sorted({"" if text is None else text.strip() for text in nothing})
        seen = ", ".join("an empty value" if not text else shorten(text) for text in words_seen[:SHOWN])
        raise where.refuse(
            f"{rows} of {all_rows} values in {name!r} are null or stand for nothing: {seen}",
            "Rows are never dropped; find out why they are missing.",
        )


def _stands_for_nothing(text: str) -> bool:
    return text.strip().lower() in NEVER_A_CLASS | NOTHING_BESIDE_NUMBERS


def _is_nothing(text: str, *, of_words: bool) -> bool:
    plain = text.strip().lower()
    return plain in NEVER_A_CLASS or (not of_words and plain in NOTHING_BESIDE_NUMBERS)


def _refuse_header(texts: Mapping[tuple[str, str], int], where: Places) -> None:
    """A row of both names, or of one where all else are numbers: a header that was cut."""
    names = (where.label, where.prediction)
    plain = [tuple(text.strip("\ufeff \t") for text in pair) for pair in texts]
    headers = [pair for pair in plain if pair[0] == names[0] or pair[1] == names[1]]
    others = [text for pair in plain if pair not in headers for text in pair]
    if names in headers or (headers and others and all(_number(t) is not None or t.lower() in TRUTH for t in others)):
        seen = names if names in headers else headers[0]
        raise where.refuse(
            f"a row holds the names of the columns, {seen[0]!r} and {seen[1]!r}, as its values",
            "Two files were put together with both headers; remove the second.",
        )


def refuse_scores(texts: Texts, name: str, where: Places) -> None:
    """A class is a whole number; 0.51 is a score, and comparing it would count nothing.

    Raises:
        EvidenceError: all texts are numbers, and one is not whole.
    """
    scores = sorted(text for text in texts if is_score(text))
    if scores and all(_number(text) is not None for text in texts):
        raise where.refuse(
            f"{name!r} holds {scores[0].strip()}, which is no class",
            "Write the predicted class, and a score in a column of its own.",
        )


def _refuse_strangers(labels: set[Label], predictions: set[Label], where: Places) -> None:
    """Labels that no prediction can be: another spelling, another numbering, rows that are to be ignored."""
    ignored = {IGNORED, str(IGNORED)}
    if ignored & (labels | predictions):
        name = where.label if ignored & labels else where.prediction
        raise where.refuse(
            f"{name!r} holds {IGNORED}, which training code writes for rows that are to be ignored; "
            f"other values are {shown((labels | predictions) - ignored)}",
            "Leave those rows out where the table is written.",
        )
    sides = f"{where.label!r} holds {shown(labels)}, {where.prediction!r} holds {shown(predictions)}"
    if not labels & predictions:
        raise where.refuse(f"no class stands in both columns: {sides}", "Write both columns with the same classes.")
    for one, other in _look_alikes(labels, predictions):
        raise where.refuse(
            f"{one!r} and {other!r} are two classes, but differ only in how they are written; {sides}",
            "Write each class in one way.",
        )


def _look_alikes(labels: set[Label], predictions: set[Label]) -> Iterable[tuple[Label, Label]]:
    """Yield classes that differ in blanks or in the form of a letter, and those of one column each that differ in case.

    `a` and `A` may both be meant where each stands in both columns or in the same one.
    """
    seen: dict[str, str] = {}
    for text in sorted(c for c in labels | predictions if isinstance(c, str)):
        plain = " ".join(unicodedata.normalize("NFKC", text).split())
        if plain in seen:
            yield seen[plain], text
        seen[plain] = text
    only = {text.casefold(): text for text in predictions - labels if isinstance(text, str)}
    for text in sorted(c for c in labels - predictions if isinstance(c, str)):
        if text.casefold() in only:
            yield text, only[text.casefold()]


def shown(classes: Collection[Label]) -> str:
    """Return two of some classes, for messages."""
    return " and ".join(shorten(c) for c in _in_order(classes)[:SHOWN]) or "no value"


def _in_order(classes: Collection[Label]) -> list[Label]:
    return sorted(classes, key=lambda c: (str(type(c)), c))


def shorten(value: Label) -> str:
    """Return a class as people read it."""
    text = repr(value) if isinstance(value, str) else class_name(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def class_name(value: Label) -> str:
    """Return the name of a class as a table writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe_classes(classes: Collection[Label]) -> str:
    """Say how classes were read."""
    some = next(iter(classes))
    kind = "true and false" if isinstance(some, bool) else "words" if isinstance(some, str) else "whole numbers"
    shown = ", ".join(shorten(c) for c in _in_order(classes)[:MOST_SHOWN])
    more = f" and {len(classes) - MOST_SHOWN} more" if len(classes) > MOST_SHOWN else ""
    return f"classes {shown}{more}, as {kind}"


def positive_class(named: str, classes: Collection[Label], where: Places) -> Label:
    """Return the class that was named as the positive one.

    Raises:
        EvidenceError: no row is of it.
    """
    for c in classes:
        meant = spelled([named, class_name(c)]) if not isinstance(c, str) else {named: named}
        if meant[named] == c:
            return c
    hint = " YAML reads a bare yes as true: put such a class in quotes." if named.lower() in TRUTH else ""
    raise where.refuse(
        f"no row is of the positive class {named!r}, by label or by prediction",
        f"{suggest(named, map(class_name, classes))}{hint}",
    )
